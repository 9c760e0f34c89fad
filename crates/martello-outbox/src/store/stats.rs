use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::QueueName;

/// The numbers of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// The queue.
    pub queue: QueueName,
    /// Ready entries.
    pub ready: u64,
    /// Leased entries.
    pub leased: u64,
    /// Delivered entries that are not pruned yet.
    pub done: u64,
    /// Dead letters.
    pub dead: u64,
    /// Cancelled entries that are not pruned yet.
    pub cancelled: u64,
    /// How long the oldest due entry has been due; `None` if none is.
    #[serde(serialize_with = "seconds")]
    pub oldest_due: Option<Duration>,
    /// Why it is paused, if it is.
    pub paused: Option<String>,
    /// Its holds, by authority: those that last, and those that are over but that no probe has ended yet.
    pub holds: Vec<HeldAuthority>,
}

/// A hold of an authority in a queue, because its API was down at the last attempt.
///
/// Until [`until`](Self::until), nothing is claimed for a held authority. After that, one entry of it at a
/// time is claimed, as a probe, until a probe [ends](crate::store::HoldChange::End) the hold. Of a queue, at
/// most half of the
/// [cap](crate::store::Turn::cap), and at least one, are probes, so that the other APIs go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldAuthority {
    /// The [authority](crate::StoredRequest::authority) that is held.
    pub authority: String,
    /// Until when nothing is claimed for it; once that is past, since when it is probed.
    pub until: Timestamp,
    /// Why.
    pub why: String,
    /// How many holds there were in a row, this one included.
    pub in_row: u32,
}

impl HeldAuthority {
    /// How many a queue remembers. Where one more is made, another is forgotten: of those that are over, the
    /// one with the fewest in a row, and of these the one that was over first; if none is over, the one that
    /// will be over first.
    pub const MAX_PER_QUEUE: usize = 1_000;

    /// How long one is remembered once it is over: [`Store::prune`](crate::Store::prune) forgets those that
    /// have been over for longer.
    pub const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);
}

#[expect(clippy::ref_option, reason = "what serde asks for")]
fn seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

/// The result of one health check of a store.
///
/// Serialized, it is an object with the keys `what`, `well` (a boolean) and `seen`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The subject of the check, in one or two words.
    pub what: String,
    /// Whether the check passed.
    #[serde(rename = "well")]
    pub passed: bool,
    /// What the check found, and what to do about it if it failed.
    pub seen: String,
}

impl Check {
    /// A check that passed.
    #[must_use]
    pub fn passed(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), passed: true, seen: seen.into() }
    }

    /// A check that failed.
    #[must_use]
    pub fn failed(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), passed: false, seen: seen.into() }
    }
}
