//! For authors of engines: what every engine of checkpoints on a database needs beside its SQL.
//!
//! An engine implements [`CheckpointStore`](crate::CheckpointStore). `martello-sqlite` and
//! `martello-postgres` keep a checkpoint as its JSON text, an item's id and a fence as 64-bit integers, and
//! report failures in these words.

use martello_outcome::{BoxError, ConfigError};

use crate::{Checkpoint, CheckpointError, CheckpointErrorKind, Fence, ParkedFilter, ParkedId};

/// Checks the name of a poll: 1 to 64 ASCII letters, digits, dots, hyphens and underscores.
///
/// ```
/// # use martello_poll::engine::check_poll_name;
/// assert!(check_poll_name("plannings").is_ok());
/// assert!(check_poll_name("two words").is_err());
/// ```
///
/// # Errors
///
/// When the name is anything else.
pub fn check_poll_name(name: &str) -> Result<(), ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    let expected = "1 to 64 ASCII letters, digits, dots, hyphens or underscores";
    Err(ConfigError::new("poll", format!("{name:?}"), expected))
}

/// The error for a failure of the database. `temporary` says whether the operation may succeed later;
/// otherwise the poll ends.
#[must_use]
pub fn database_failed(temporary: bool, source: impl Into<BoxError>) -> CheckpointError {
    let kind = if temporary { CheckpointErrorKind::Unavailable } else { CheckpointErrorKind::Unusable };
    CheckpointError::new(kind, "the database that keeps the checkpoint failed").with_source(source)
}

/// The JSON text of a checkpoint.
///
/// # Errors
///
/// [`CheckpointErrorKind::Unusable`], when it cannot be written as JSON.
pub fn checkpoint_to_json(checkpoint: &Checkpoint) -> Result<String, CheckpointError> {
    serde_json::to_string(checkpoint).map_err(|error| {
        let message = "the checkpoint cannot be written as JSON";
        CheckpointError::new(CheckpointErrorKind::Unusable, message).with_source(error)
    })
}

/// The checkpoint that [`checkpoint_to_json`] wrote; `None` if the text is something else.
#[must_use]
pub fn checkpoint_from_json(json: &str) -> Option<Checkpoint> {
    serde_json::from_str(json).ok()
}

/// The stored number of a fence. All 64 bits are in use, so it may be negative.
#[must_use]
pub fn fence_to_integer(fence: Fence) -> i64 {
    fence.0.cast_signed()
}

/// The fence with this stored number.
#[must_use]
pub fn fence_from_integer(number: i64) -> Fence {
    Fence(number.cast_unsigned())
}

/// The stored numbers of those ids that a database can have handed out.
#[must_use]
pub fn parked_ids(ids: &[ParkedId]) -> Vec<i64> {
    ids.iter().filter_map(|ParkedId(id)| i64::try_from(*id).ok()).collect()
}

/// The bounds of a list: the id after which it starts, and the most items.
#[must_use]
pub fn list_bounds(filter: &ParkedFilter) -> (i64, i64) {
    let after = filter.after.map_or(0, |ParkedId(id)| i64::try_from(id).unwrap_or(i64::MAX));
    (after, i64::try_from(filter.limit).unwrap_or(i64::MAX))
}
