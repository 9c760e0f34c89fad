use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasher, RandomState},
};

use jiff::Timestamp;
use martello_outcome::Printable;
use serde::{Deserialize, Serialize};

use crate::ItemPosition;

/// The id of a parked item. Items that are parked later have greater ids.
///
/// ```
/// use martello_poll::ParkedId;
///
/// assert!(ParkedId(7) < ParkedId(8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ParkedId(pub u64);

impl fmt::Display for ParkedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An item to park.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewParked {
    /// The key; empty if the item has none.
    pub key: String,
    /// The stamp; `None` if it is missing or invalid.
    pub stamp: Option<Timestamp>,
    /// The position of the item in its pass.
    #[serde(rename = "place")]
    pub position: ItemPosition,
    /// The JSON text of the item.
    pub json: String,
    /// Why it was parked.
    pub reason: String,
    /// When it was parked, by the clock of the poller.
    pub parked_at: Timestamp,
}

impl NewParked {
    /// Whether both are the same item: the same key, stamp and text.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.stamp == other.stamp && self.key == other.key && self.json == other.json
    }
}

/// Omits the JSON text.
impl fmt::Debug for NewParked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewParked")
            .field("key", &self.key)
            .field("stamp", &self.stamp)
            .field("position", &self.position)
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

/// A parked item.
///
/// ```
/// use martello_poll::Parked;
///
/// fn print(parked: &Parked) {
///     println!("{parked}"); // 7, page 1, item 3, order-42: no such depot
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The id.
    pub id: ParkedId,
    /// The item.
    #[serde(flatten)]
    pub item: NewParked,
    /// Whether the poller delivers it again.
    #[serde(rename = "again")]
    pub redeliver: bool,
}

/// One line for people, without the JSON text.
impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewParked { key, position, reason, .. } = &self.item;
        let (key, reason) = (Printable::new(key), Printable::new(reason));
        write!(f, "{}, {position}, {key}: {reason}", self.id)
    }
}

impl Parked {
    /// The most items that may be parked. The poll stops there, because so many failures have another cause
    /// than single items.
    pub const MAX_ITEMS: usize = 10_000;

    /// The most bytes that the JSON texts of all parked items may have.
    pub const MAX_BYTES: usize = 64 << 20;
}

/// Which parked items to list.
///
/// ```
/// use martello_poll::ParkedFilter;
///
/// let ten = ParkedFilter { limit: 10, ..ParkedFilter::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedFilter {
    /// List only items that are marked for redelivery.
    pub redeliver: bool,
    /// List only items after this id.
    pub after: Option<ParkedId>,
    /// List at most this many.
    pub limit: usize,
}

impl Default for ParkedFilter {
    /// The first 1,000 items.
    fn default() -> Self {
        Self { redeliver: false, after: None, limit: 1_000 }
    }
}

/// All parked items in memory, for stores that write them as one file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ParkedItems {
    last: u64,
    parked: Vec<Parked>,
}

impl ParkedItems {
    /// Removes and adds items. Returns false if the limits are exceeded.
    pub(super) fn change(&mut self, unpark: &[ParkedId], park: Vec<NewParked>) -> bool {
        self.discard(unpark);
        let hasher = RandomState::new();
        let hash = |item: &NewParked| hasher.hash_one((&item.key, item.stamp, &item.json));
        let mut indexes: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, parked) in self.parked.iter().enumerate() {
            indexes.entry(hash(&parked.item)).or_default().push(index);
        }
        let mut bytes: usize = self.parked.iter().map(|parked| parked.item.json.len()).sum();
        for item in park {
            let same = indexes.entry(hash(&item)).or_default();
            let parked = same.iter().filter_map(|index| self.parked.get(*index));
            if parked.into_iter().any(|parked| parked.item.is_same(&item)) {
                continue;
            }
            same.push(self.parked.len());
            self.last += 1;
            bytes = bytes.saturating_add(item.json.len());
            self.parked.push(Parked { id: ParkedId(self.last), item, redeliver: false });
            // The limits stay exceeded, and the caller discards this state.
            if self.parked.len() > Parked::MAX_ITEMS || bytes > Parked::MAX_BYTES {
                return false;
            }
        }
        self.parked.len() <= Parked::MAX_ITEMS && bytes <= Parked::MAX_BYTES
    }

    pub(super) fn list(&self, filter: ParkedFilter) -> Vec<Parked> {
        let passes =
            |parked: &&Parked| filter.after < Some(parked.id) && (parked.redeliver || !filter.redeliver);
        self.parked.iter().filter(passes).take(filter.limit).cloned().collect()
    }

    pub(super) fn redeliver(&mut self, ids: &[ParkedId]) -> u64 {
        let ids: HashSet<&ParkedId> = ids.iter().collect();
        let mut found = 0;
        for parked in self.parked.iter_mut().filter(|parked| ids.contains(&parked.id)) {
            parked.redeliver = true;
            found += 1;
        }
        found
    }

    pub(super) fn discard(&mut self, ids: &[ParkedId]) -> u64 {
        let ids: HashSet<&ParkedId> = ids.iter().collect();
        let before = self.parked.len();
        self.parked.retain(|parked| !ids.contains(&parked.id));
        u64::try_from(before - self.parked.len()).unwrap_or(u64::MAX)
    }
}
