use std::{
    collections::{HashMap, HashSet},
    fmt,
    hash::{BuildHasher, RandomState},
};

use jiff::Timestamp;
use martello_outcome::Printable;
use serde::{Deserialize, Serialize};

use crate::ItemPosition;

/// Which of what is parked it is; the greater, the later it was parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ParkedId(pub u64);

impl fmt::Display for ParkedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An item that is to be parked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewParked {
    /// Its key; empty if it has none.
    pub key: String,
    /// Its stamp; none if it has none that can be read.
    pub stamp: Option<Timestamp>,
    /// Where in its pass it was.
    #[serde(rename = "place")]
    pub position: ItemPosition,
    /// The JSON text of it.
    pub json: String,
    /// Why it could not be processed.
    pub reason: String,
    /// When it was parked, by the poller's clock.
    pub parked_at: Timestamp,
}

impl NewParked {
    /// Whether it is the same item as another: the same key, stamp and text.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.stamp == other.stamp && self.key == other.key && self.json == other.json
    }
}

/// Without the text of the item.
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

/// An item that is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Which it is.
    pub id: ParkedId,
    /// What was parked.
    #[serde(flatten)]
    pub item: NewParked,
    /// Whether it is to be delivered again.
    #[serde(rename = "again")]
    pub redeliver: bool,
}

/// In one line, for people, without the text of the item.
impl fmt::Display for Parked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NewParked { key, position, reason, .. } = &self.item;
        let (key, reason) = (Printable::new(key), Printable::new(reason));
        write!(f, "{}, {position}, {key}: {reason}", self.id)
    }
}

impl Parked {
    /// How many may be parked at a time. Beyond that the poll stands still, since something other than an
    /// item is wrong.
    pub const MAX_ITEMS: usize = 10_000;

    /// How many bytes their JSON texts may have together.
    pub const MAX_BYTES: usize = 64 << 20;
}

/// Which of what is parked to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParkedFilter {
    /// Only what is to be delivered again.
    pub redeliver: bool,
    /// Only what was parked after this one.
    pub after: Option<ParkedId>,
    /// At most so many.
    pub limit: usize,
}

impl Default for ParkedFilter {
    /// The first thousand.
    fn default() -> Self {
        Self { redeliver: false, after: None, limit: 1_000 }
    }
}

/// What is parked, in memory, for engines that keep it as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ParkedItems {
    last: u64,
    parked: Vec<Parked>,
}

impl ParkedItems {
    /// Whether there is room for all of it.
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
            // What is over it stays so, and is refused with the rest.
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
