use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a poll stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The [fingerprint](crate::Source::fingerprint) of its source.
    pub source: String,
    /// From when on it asks while it has no watermark, and after a resync; `None` for everything. It is [resolved
    /// once](crate::Source::start) as long as the source lists it, and none in a checkpoint of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Up to when it has seen everything, by the server's clock; `None` before the end of its first pass.
    pub watermark: Option<Timestamp>,
    /// What the next pass may list, and was delivered already.
    pub delivered: Vec<Delivered>,
}

impl Checkpoint {
    /// That of a poll that has not begun.
    pub(crate) fn fresh(source: String) -> Self {
        Self { source, start: None, watermark: None, delivered: Vec::new() }
    }

    /// Begins no later than at this moment, nor than where the next pass does; tells whether that is news.
    pub(crate) fn begin_at(&mut self, start: Option<Timestamp>, since: Option<Timestamp>) -> bool {
        // A start that was not kept, or is computed anew, may be later than what a poll has come to.
        let earliest = |start| [Some(start), self.start, since.filter(|_| self.start.is_none())];
        let start = match start {
            Some(start) => earliest(start).into_iter().flatten().min(),
            // Everything is earlier than any moment.
            None => self.start.filter(|_| since.is_some()),
        };
        let changed = start != self.start;
        self.start = start;
        changed
    }
}

/// An item that was delivered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Delivered {
    /// Its stamp.
    pub stamp: Timestamp,
    /// Its key.
    pub key: String,
}
