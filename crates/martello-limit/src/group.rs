use std::{collections::BTreeMap, sync::Arc};

use tokio::time::Instant;

use crate::slab::{Index, List, NONE, Slab};

/// The index of a waiter in the slab of waiters.
pub(crate) type WaiterId = Index;

/// The requests that share one set of permits. A group's queue is `arrived` and `rejoined`, merged by number.
pub(crate) struct Group {
    pub(crate) key: Option<Arc<str>>,
    /// How many permits are held.
    pub(crate) held: usize,
    /// The waiters in the queue that never stepped aside, in order of arrival.
    pub(crate) arrived: List,
    /// The waiters in the queue that stepped aside and rejoined, by number of arrival.
    pub(crate) rejoined: BTreeMap<u64, WaiterId>,
    /// How many waiters are aside until their client is ready.
    pub(crate) aside: usize,
    /// The response bodies that hold a permit.
    pub(crate) open_bodies: OpenBodies,
}

impl Group {
    pub(crate) fn new(key: Option<Arc<str>>, batches: &mut Slab<Batch>) -> Self {
        let open_bodies = OpenBodies::new(batches);
        Self { key, held: 0, arrived: List::new(), rejoined: BTreeMap::new(), aside: 0, open_bodies }
    }

    #[inline]
    pub(crate) fn is_queue_empty(&self) -> bool {
        self.arrived.is_empty() && self.rejoined.is_empty()
    }
}

/// Counts the response bodies of a group that hold a permit, read or not, and knows the age of the oldest.
///
/// The clock is read only when a request has to wait, or for a report of the usage. All bodies that began
/// since the clock was last read then get the same time, and form a *batch*. A body knows the index of its
/// batch, so that its beginning and its end only change a counter.
pub(crate) struct OpenBodies {
    /// How many bodies have no time yet.
    untimed: usize,
    /// The batch that these bodies will form. Its index is reserved.
    next: Index,
    /// How many bodies have a time.
    timed: usize,
    /// The batches of these bodies, the oldest first.
    batches: List,
}

/// Bodies that share a time.
#[derive(Default)]
pub(crate) struct Batch {
    since: Option<Instant>,
    bodies: usize,
}

impl OpenBodies {
    fn new(batches: &mut Slab<Batch>) -> Self {
        Self { untimed: 0, next: batches.insert(Batch::default()), timed: 0, batches: List::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.untimed + self.timed
    }

    /// Counts a body without a time, and returns its batch.
    #[inline]
    pub(crate) fn begin(&mut self) -> Index {
        self.untimed += 1;
        self.next
    }

    /// Forgets a body that has no time; for [`NONE`], nothing. Returns `false` if the body has a time, and
    /// does nothing.
    #[inline]
    pub(crate) fn try_end(&mut self, batch: Index) -> bool {
        if batch == self.next {
            self.untimed -= 1;
            return true;
        }
        batch == NONE
    }

    /// Forgets a body of this batch; for [`NONE`], nothing.
    pub(crate) fn end(&mut self, index: Index, batches: &mut Slab<Batch>) {
        if self.try_end(index) {
            return;
        }
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

    /// Gives this time to all bodies that have none.
    pub(crate) fn set_time(&mut self, now: Instant, batches: &mut Slab<Batch>) {
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

    /// The time of the oldest body.
    pub(crate) fn oldest(&self, batches: &Slab<Batch>) -> Option<Instant> {
        self.batches.first(batches).and_then(|batch| batch.since)
    }

    /// Frees the reserved index. No body may be left.
    pub(crate) fn remove(self, batches: &mut Slab<Batch>) {
        batches.remove(self.next);
    }
}
