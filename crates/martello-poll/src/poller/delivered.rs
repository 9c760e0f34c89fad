use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{Delivered, ItemVersion};

/// What was delivered, by stamp and key. Over its bound it forgets the oldest stamps, which are then delivered again.
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

    /// Those that a pass from there on may list.
    pub(super) fn since(&self, since: Option<Timestamp>) -> Vec<Delivered> {
        let first = ItemVersion { stamp: since.unwrap_or(Timestamp::MIN), key: "".into() };
        self.versions
            .range(first..)
            .map(|version| Delivered { stamp: version.stamp, key: version.key.to_string() })
            .collect()
    }
}
