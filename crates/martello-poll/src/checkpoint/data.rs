use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of a poll.
///
/// ```
/// use martello_poll::{Checkpoint, MemoryCheckpoint};
///
/// let checkpoint: Option<Checkpoint> = MemoryCheckpoint::default().checkpoint();
/// assert!(checkpoint.is_none()); // nothing is saved yet
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The [fingerprint](crate::Source::fingerprint) of the source.
    pub source: String,
    /// The start of the requested range while there is no watermark, and after a resync; `None` for
    /// everything. It is [computed once](crate::Source::start), and `None` in a checkpoint of an older
    /// version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// All changes before this time are delivered, by the server's clock; `None` before the end of the first
    /// pass.
    pub watermark: Option<Timestamp>,
    /// The items that are already delivered and that the next pass may list again.
    pub delivered: Vec<Delivered>,
}

impl Checkpoint {
    /// The checkpoint of a new poll.
    pub(crate) fn fresh(source: String) -> Self {
        Self { source, start: None, watermark: None, delivered: Vec::new() }
    }

    /// Moves the start to this time or to that of the next pass, whichever is earlier. Returns whether it
    /// changed.
    pub(crate) fn begin_at(&mut self, start: Option<Timestamp>, since: Option<Timestamp>) -> bool {
        // A start that was not saved, or that the caller computes again, may be later than the poll's
        // progress.
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

/// A delivered item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Delivered {
    /// Its stamp.
    pub stamp: Timestamp,
    /// Its key.
    pub key: String,
}
