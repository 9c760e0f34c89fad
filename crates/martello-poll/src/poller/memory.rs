use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{Delivered, Mark};

/// What was delivered, by stamp and key. Over its bound it forgets the oldest stamps, which are then delivered again.
#[derive(Debug)]
pub(super) struct Memory {
    marks: BTreeSet<Mark>,
    most: usize,
}

impl Memory {
    pub(super) fn new(most: usize) -> Self {
        Self { marks: BTreeSet::new(), most }
    }

    pub(super) fn load(&mut self, delivered: Vec<Delivered>) {
        self.marks.clear();
        for Delivered { stamp, key } in delivered {
            self.insert(Mark { stamp, key: key.into() });
        }
    }

    pub(super) fn contains(&self, mark: &Mark) -> bool {
        self.marks.contains(mark)
    }

    pub(super) fn insert(&mut self, mark: Mark) {
        self.marks.insert(mark);
        while self.marks.len() > self.most {
            self.marks.pop_first();
        }
    }

    /// Those that a pass from there on may list.
    pub(super) fn since(&self, since: Option<Timestamp>) -> Vec<Delivered> {
        let first = Mark { stamp: since.unwrap_or(Timestamp::MIN), key: "".into() };
        self.marks
            .range(first..)
            .map(|mark| Delivered { stamp: mark.stamp, key: mark.key.to_string() })
            .collect()
    }
}
