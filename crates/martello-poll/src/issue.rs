use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ItemPosition;

/// What is wrong with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ItemIssueKind {
    /// It has no key.
    NoKey,
    /// Its key is neither a text nor a number, or is too long.
    #[serde(rename = "not_a_key")]
    InvalidKey,
    /// It has no stamp.
    NoStamp,
    /// Its stamp is none by RFC 3339.
    #[serde(rename = "not_a_stamp")]
    InvalidStamp,
    /// Its stamp has no zone, so that nobody knows which moment it is.
    StampWithoutZone,
    /// Its stamp is more than five minutes ahead of the server's clock.
    #[serde(rename = "stamp_from_the_future")]
    StampInFuture,
}

impl ItemIssueKind {
    /// Whether the item was parked for it. One from the future is delivered all the same, since nothing is
    /// wrong with its key: it only never moves the watermark.
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

/// Something wrong with an item of a batch, and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemIssue {
    /// Where in its pass the item was.
    pub position: ItemPosition,
    /// What is wrong with it.
    pub kind: ItemIssueKind,
}

impl fmt::Display for ItemIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.kind)
    }
}
