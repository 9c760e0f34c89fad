use tokio::time::Instant;

use crate::slab::{Index, List, NONE, Slab};

/// The response bodies of a group that hold a permit, and since when at least.
///
/// Nobody reads the clock until somebody waits, and then all bodies that have no time yet get the same. They are
/// therefore counted in batches, of which a body knows the number: it begins and ends with a count, and nobody
/// looks through the bodies. That saves 100 instructions a call over a list of them.
pub(crate) struct Unread {
    /// How many have no time yet.
    pub(crate) untimed: usize,
    /// The batch that they are, once they get one. Its number is reserved.
    pub(crate) next: Index,
    /// How many have a time.
    timed: usize,
    /// Their batches, the oldest first.
    batches: List,
}

/// Bodies that share a time.
#[derive(Default)]
pub(crate) struct Batch {
    since: Option<Instant>,
    bodies: usize,
}

impl Unread {
    pub(crate) fn new(batches: &mut Slab<Batch>) -> Self {
        Self { untimed: 0, next: batches.insert(Batch::default()), timed: 0, batches: List::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.untimed + self.timed
    }

    /// One more, without a time. Returned is its batch.
    pub(crate) fn begin(&mut self) -> Index {
        self.untimed += 1;
        self.next
    }

    /// One of this batch has ended.
    pub(crate) fn end(&mut self, batch: Index, batches: &mut Slab<Batch>) {
        if batch == self.next {
            self.untimed -= 1;
        } else if batch != NONE {
            self.end_timed(batch, batches);
        }
    }

    fn end_timed(&mut self, index: Index, batches: &mut Slab<Batch>) {
        let Some(batch) = batches.get_mut(index) else {
            return;
        };
        self.timed -= 1;
        batch.bodies -= 1;
        if batch.bodies == 0 {
            self.batches.unlink(batches, index);
            batches.remove(index);
        }
    }

    /// Gives a time to all that have none.
    pub(crate) fn time(&mut self, now: Instant, batches: &mut Slab<Batch>) {
        if self.untimed == 0 {
            return;
        }
        if let Some(batch) = batches.get_mut(self.next) {
            *batch = Batch { since: Some(now), bodies: self.untimed };
            self.batches.push(batches, self.next);
            self.timed += self.untimed;
        }
        self.untimed = 0;
        self.next = batches.insert(Batch::default());
    }

    /// The time of the oldest.
    pub(crate) fn oldest(&self, batches: &Slab<Batch>) -> Option<Instant> {
        self.batches.first(batches).and_then(|batch| batch.since)
    }

    /// Gives its reserved number back. There must be no bodies left.
    pub(crate) fn forget(self, batches: &mut Slab<Batch>) {
        batches.remove(self.next);
    }
}
