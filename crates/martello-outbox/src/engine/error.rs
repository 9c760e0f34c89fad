use std::fmt::Display;

use crate::{StoreError, StoreErrorKind};

/// The error for a stored value that no engine writes, such as a state with an unknown number.
///
/// ```
/// # use martello_outbox::engine::corrupt;
/// let text = "the store holds an invalid state: stop all programs that use the store, then restore a backup";
/// assert_eq!(corrupt("state").to_string(), text);
/// ```
#[must_use]
pub fn corrupt(what: &'static str) -> StoreError {
    let message = format!(
        "the store holds an invalid {what}: stop all programs that use the store, then restore a backup"
    );
    StoreError::new(StoreErrorKind::Unusable, message)
}

/// The error of every operation on a store that was closed.
#[must_use]
pub fn closed() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the store is closed: open it again")
}

/// The error for a request that exceeds what the database stores in one row.
#[must_use]
pub fn too_large() -> StoreError {
    StoreError::new(
        StoreErrorKind::Invalid,
        "the request is too large to store: it must be smaller than 1 GB",
    )
}

/// Whether the same operation may succeed later: the store was unavailable, full or read-only.
#[must_use]
pub fn is_temporary(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Full | StoreErrorKind::ReadOnly)
}

/// The error for a store whose schema is newer than this program. `store` is a path or a schema's name.
///
/// ```
/// # use martello_outbox::engine::newer_schema;
/// let text = "outbox.db was written by a newer version of martello (schema 4; this program knows 3): update this program";
/// assert_eq!(newer_schema("outbox.db", 4, 3).to_string(), text);
/// ```
#[must_use]
pub fn newer_schema(store: impl Display, version: i32, newest: i32) -> StoreError {
    let message = format!(
        "{store} was written by a newer version of martello (schema {version}; this program knows {newest}): update this \
         program"
    );
    StoreError::new(StoreErrorKind::Unusable, message)
}
