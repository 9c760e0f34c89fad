use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::QueueName;

/// How a queue stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueStats {
    /// The queue.
    pub queue: QueueName,
    /// Entries that wait.
    pub ready: u64,
    /// Entries that workers have.
    pub leased: u64,
    /// Entries delivered, and not pruned yet.
    pub done: u64,
    /// Dead letters.
    pub dead: u64,
    /// Entries called off, and not pruned yet.
    pub cancelled: u64,
    /// For how long the entry that is due for longest has been so; `None` if none is.
    #[serde(serialize_with = "seconds")]
    pub oldest_due: Option<Duration>,
    /// Why it is paused, if it is.
    pub paused: Option<String>,
    /// Until when it is held, if it is.
    pub held_until: Option<Timestamp>,
    /// Why it is held.
    pub held: Option<String>,
}

#[expect(clippy::ref_option, reason = "what serde asks for")]
fn seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(serializer)
}

/// Something that an examination of a store looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub what: String,
    /// Whether all is well.
    pub well: bool,
    /// What was seen, and what to do about it if it is not well.
    pub seen: String,
}

impl Finding {
    /// Something that is well.
    #[must_use]
    pub fn well(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), well: true, seen: seen.into() }
    }

    /// Something that is not.
    #[must_use]
    pub fn unwell(what: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { what: what.into(), well: false, seen: seen.into() }
    }
}
