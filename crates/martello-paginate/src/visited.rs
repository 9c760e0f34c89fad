use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
};

/// The positions that a walk has been to, eight bytes each.
///
/// Two positions of ten thousand have the same hash once in about 10¹¹ walks; the walk then fails, and loses nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct VisitedPositions {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl VisitedPositions {
    /// Whether this text was not seen before.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        self.hashes.insert(self.hasher.hash_one(text))
    }
}
