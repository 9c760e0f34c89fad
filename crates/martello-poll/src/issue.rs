use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ItemPosition;

/// What is wrong with an item.
///
/// ```
/// use martello_poll::ItemIssueKind;
///
/// assert!(ItemIssueKind::NoKey.is_parked());
/// assert!(!ItemIssueKind::StampInFuture.is_parked()); // it is delivered
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ItemIssueKind {
    /// The key is missing.
    NoKey,
    /// The key is neither a string nor a number, or is too long.
    #[serde(rename = "not_a_key")]
    InvalidKey,
    /// The stamp is missing.
    NoStamp,
    /// The stamp is not an RFC 3339 timestamp.
    #[serde(rename = "not_a_stamp")]
    InvalidStamp,
    /// The stamp has no time zone, so its instant is unknown.
    StampWithoutZone,
    /// The stamp is more than five minutes ahead of the server's clock.
    #[serde(rename = "stamp_from_the_future")]
    StampInFuture,
}

impl ItemIssueKind {
    /// Whether the poller parks the item for this issue. It delivers an item with a future stamp, because the
    /// key is valid, but such a stamp never moves the watermark.
    #[must_use]
    pub const fn is_parked(self) -> bool {
        !matches!(self, Self::StampInFuture)
    }
}

impl fmt::Display for ItemIssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoKey => "the key is missing",
            Self::InvalidKey => "the key is neither a number nor a string of at most 512 bytes",
            Self::NoStamp => "the stamp is missing",
            Self::InvalidStamp => "the stamp is not an RFC 3339 timestamp",
            Self::StampWithoutZone => "the stamp has no time zone",
            Self::StampInFuture => "the stamp is ahead of the server's clock",
        })
    }
}

/// An item of a batch that has an issue, and its position.
///
/// ```
/// use martello_poll::Batch;
///
/// fn warn(batch: &Batch<'_>) {
///     for issue in batch.issues() {
///         eprintln!("{issue}"); // page 1, item 3: the stamp is missing
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemIssue {
    /// The position of the item in its pass.
    pub position: ItemPosition,
    /// What is wrong with it.
    pub kind: ItemIssueKind,
}

impl fmt::Display for ItemIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.kind)
    }
}
