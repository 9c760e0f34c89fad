use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// The position of an item in its pass.
///
/// ```
/// use martello_poll::ItemPosition;
///
/// assert_eq!(ItemPosition { page: 1, item: 3 }.to_string(), "page 1, item 3");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemPosition {
    /// The number of the page, from 1.
    pub page: u32,
    /// The index of the item on the page, from 0.
    pub item: u32,
}

impl fmt::Display for ItemPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}, item {}", self.page, self.item)
    }
}

/// The key and the stamp of an item. Together they identify one version of one object.
///
/// ```
/// use martello_poll::ItemVersion;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let old = ItemVersion { stamp: "2024-11-29T10:00:00Z".parse()?, key: "a".into() };
/// let new = ItemVersion { stamp: "2024-11-29T11:00:00Z".parse()?, key: "a".into() };
/// assert!(old < new);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemVersion {
    /// The time of the last change, by which the source filters.
    pub stamp: Timestamp,
    /// The key of the object, 1 to [`ItemVersion::MAX_KEY`] bytes.
    pub key: Box<str>,
}

impl ItemVersion {
    /// The longest key, in bytes.
    pub const MAX_KEY: usize = 512;
}

/// An item that a source listed, unchanged.
///
/// ```
/// use martello_poll::Item;
///
/// #[derive(serde::Deserialize)]
/// struct Planning { id: String }
///
/// fn planning(item: &Item) -> Result<Planning, serde_json::Error> {
///     item.decode()
/// }
/// ```
#[derive(Clone)]
pub struct Item {
    pub(crate) version: Option<ItemVersion>,
    pub(crate) json: Box<RawValue>,
    pub(crate) position: ItemPosition,
    /// The index in its batch.
    pub(crate) index: usize,
}

impl Item {
    /// The key; empty only for an item that was parked because it has no key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.version.as_ref().map_or("", |version| &version.key)
    }

    /// The stamp; `None` only for an item that was parked because its stamp is missing or invalid.
    #[must_use]
    pub fn stamp(&self) -> Option<Timestamp> {
        self.version.as_ref().map(|version| version.stamp)
    }

    /// The position of the item in its pass.
    #[must_use]
    pub fn position(&self) -> ItemPosition {
        self.position
    }

    /// The JSON text of the item, as the server wrote it.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json.get()
    }

    /// Decodes the item as your type.
    ///
    /// # Errors
    ///
    /// When the JSON does not match the type. Reject the item then, so that it is parked.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.json.get())
    }
}

/// Omits the JSON text.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("version", &self.version)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
