use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{Delivered, ItemVersion};

/// The delivered items, by stamp and key. Above its limit it forgets the oldest stamps; such items are
/// delivered again.
#[derive(Debug)]
pub(super) struct DeliveredItems {
    versions: BTreeSet<ItemVersion>,
    most: usize,
}

impl DeliveredItems {
    pub(super) fn new(most: usize) -> Self {
        Self { versions: BTreeSet::new(), most }
    }

    pub(super) fn load(&mut self, delivered: Vec<Delivered>) {
        self.versions.clear();
        for Delivered { stamp, key } in delivered {
            self.insert(ItemVersion { stamp, key: key.into() });
        }
    }

    pub(super) fn contains(&self, version: &ItemVersion) -> bool {
        self.versions.contains(version)
    }

    pub(super) fn insert(&mut self, version: ItemVersion) {
        self.versions.insert(version);
        while self.versions.len() > self.most {
            self.versions.pop_first();
        }
    }

    /// The delivered items that a pass since this time may list.
    pub(super) fn since(&self, since: Option<Timestamp>) -> Vec<Delivered> {
        let first = ItemVersion { stamp: since.unwrap_or(Timestamp::MIN), key: "".into() };
        self.versions
            .range(first..)
            .map(|version| Delivered { stamp: version.stamp, key: version.key.to_string() })
            .collect()
    }
}
