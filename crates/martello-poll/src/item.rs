use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Where in a pass an item was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemPosition {
    /// The page, from 1.
    pub page: u32,
    /// The item of the page, from 0.
    pub item: u32,
}

impl fmt::Display for ItemPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}, item {}", self.page, self.item)
    }
}

/// What tells an item from all others: which thing it is, and which change of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemVersion {
    /// The moment that the source filters by.
    pub stamp: Timestamp,
    /// Which thing it is, in 1 to [`ItemVersion::MAX_KEY`] bytes.
    pub key: Box<str>,
}

impl ItemVersion {
    /// The longest key, in bytes.
    pub const MAX_KEY: usize = 512;
}

/// What a source listed, as it stood there.
#[derive(Clone)]
pub struct Item {
    pub(crate) version: Option<ItemVersion>,
    pub(crate) json: Box<RawValue>,
    pub(crate) position: ItemPosition,
    /// Which of its batch it is.
    pub(crate) index: usize,
}

impl Item {
    /// Which thing it is; empty only for one that was parked because it has no key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.version.as_ref().map_or("", |version| &version.key)
    }

    /// Its stamp; none only for one that was parked because it has none that can be read.
    #[must_use]
    pub fn stamp(&self) -> Option<Timestamp> {
        self.version.as_ref().map(|version| version.stamp)
    }

    /// Where in its pass it was.
    #[must_use]
    pub fn position(&self) -> ItemPosition {
        self.position
    }

    /// The JSON text of it, as the server wrote it.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// The item as a type of yours.
    ///
    /// # Errors
    ///
    /// When it is not of that shape. Reject it then, so that it is parked.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.json.get())
    }
}

/// Says which it is, and not what is in it.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("version", &self.version)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
