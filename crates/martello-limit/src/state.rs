use std::{mem, task::Waker};

use tokio::time::Instant;

use crate::{
    group::{Batch, WaiterId},
    keys::Groups,
    slab::{Index, NONE, Slab},
    usage::{GroupUsage, Usage},
};

/// The permits that are held, and the requests that wait for one, in groups. Each group serves its waiters in
/// order of arrival.
///
/// Invariant: while a group has a free permit, its queue is empty. [`release`](Self::release) therefore hands
/// a permit to the first waiter in the queue, and frees it only if there is none.
///
/// A waiter that got a permit while its client is not ready *steps aside*: the permit goes to the next
/// waiter, and the waiter leaves the queue until its client is ready. It then rejoins the queue before all
/// waiters that arrived later.
///
/// This type does not lock, read the clock, or clone, wake or drop a waker. Wakers go back to the caller,
/// which wakes or drops them after it has released the lock, because both may run code that acquires the lock
/// again.
pub(crate) struct LimiterState {
    permits: usize,
    max_waiting: usize,
    /// How many waiters are in a queue or aside, over all groups.
    waiting: usize,
    /// The number of the next waiter.
    next_number: u64,
    groups: Groups,
    waiters: Slab<WaiterRecord>,
    batches: Slab<Batch>,
}

struct WaiterRecord {
    /// The order of arrival.
    number: u64,
    state: WaiterState,
}

enum WaiterState {
    /// In the queue since it arrived.
    Waiting(Option<Waker>),
    /// In the queue again after it stepped aside.
    Rejoined(Option<Waker>),
    /// It has a permit, which counts as held.
    Granted,
    /// Out of the queue until its client is ready.
    Aside,
}

/// What a waiter has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaiterStatus {
    /// Wait for a permit.
    Waiting,
    /// Use the permit, or step aside.
    Granted,
    /// Wait for the client, then rejoin the queue.
    Aside,
}

/// The wakers that a waiter leaves behind.
#[derive(Default)]
pub(crate) struct Left {
    /// Its own, to be dropped.
    pub(crate) own: Option<Waker>,
    /// The waker of the waiter that got its permit, to be woken.
    pub(crate) next: Option<Waker>,
}

impl LimiterState {
    pub(crate) fn new(permits: usize, max_waiting: usize) -> Self {
        let mut batches = Slab::new();
        let groups = Groups::new(&mut batches);
        Self { permits, max_waiting, waiting: 0, next_number: 0, groups, waiters: Slab::new(), batches }
    }

    /// The group of this key. The caller must acquire a permit from a group that was created by this call.
    #[inline]
    pub(crate) fn group(&mut self, key: Option<&str>) -> Index {
        match key {
            None => Groups::WITHOUT_KEY,
            Some(key) => self.groups.of(key, &mut self.batches),
        }
    }

    /// Takes a free permit of the group. Returns `false` if there is none.
    #[inline]
    pub(crate) fn try_acquire(&mut self, group: Index) -> bool {
        match self.groups.get_mut(group) {
            Some(group) if group.held < self.permits => {
                group.held += 1;
                true
            }
            _ => false,
        }
    }

    /// Appends a waiter to the group's queue. Returns `None` if as many wait as may.
    pub(crate) fn join(&mut self, group: Index, now: Instant) -> Option<WaiterId> {
        let this = self.groups.get_mut(group)?;
        this.open_bodies.set_time(now, &mut self.batches);
        if self.waiting >= self.max_waiting {
            return None;
        }
        self.waiting += 1;
        let number = self.next_number;
        self.next_number += 1;
        let waiter = self.waiters.insert(WaiterRecord { number, state: WaiterState::Waiting(None) });
        this.arrived.push(&mut self.waiters, waiter);
        Some(waiter)
    }

    /// The status of a waiter. While it waits for a permit, this swaps its waker with `waker`.
    pub(crate) fn poll(&mut self, waiter: WaiterId, waker: &mut Option<Waker>) -> WaiterStatus {
        match self.waiters.get_mut(waiter).map(|record| &mut record.state) {
            Some(WaiterState::Waiting(stored) | WaiterState::Rejoined(stored)) => {
                mem::swap(stored, waker);
                WaiterStatus::Waiting
            }
            Some(WaiterState::Granted) => WaiterStatus::Granted,
            Some(WaiterState::Aside) => WaiterStatus::Aside,
            None => WaiterStatus::Waiting,
        }
    }

    /// Removes a waiter that was granted a permit. The permit is the caller's now.
    pub(crate) fn remove_granted(&mut self, waiter: WaiterId) {
        self.waiters.remove(waiter);
    }

    /// Passes the permit of a granted waiter on, and keeps the waiter aside. It counts as waiting again, if
    /// necessary beyond the maximum. Returns the waker of the waiter that gets the permit.
    pub(crate) fn step_aside(&mut self, group: Index, waiter: WaiterId) -> Option<Waker> {
        self.waiters.get_mut(waiter)?.state = WaiterState::Aside;
        self.groups.get_mut(group)?.aside += 1;
        self.waiting += 1;
        self.release(group, NONE)
    }

    /// Ends stepping aside. Returns whether a permit was free, which is granted to the waiter then. Otherwise
    /// the waiter rejoins the queue, in the order of its arrival, with this waker.
    pub(crate) fn rejoin(&mut self, group: Index, waiter: WaiterId, waker: &mut Option<Waker>) -> bool {
        let (Some(this), Some(record)) = (self.groups.get_mut(group), self.waiters.get_mut(waiter)) else {
            return false;
        };
        this.aside -= 1;
        if this.held < self.permits {
            this.held += 1;
            self.waiting -= 1;
            record.state = WaiterState::Granted;
            return true;
        }
        record.state = WaiterState::Rejoined(waker.take());
        this.rejoined.insert(record.number, waiter);
        false
    }

    /// Removes a waiter in any state. If it was granted a permit, the permit goes to the next waiter.
    pub(crate) fn leave(&mut self, group: Index, waiter: WaiterId) -> Left {
        let (Some(this), Some(record)) = (self.groups.get_mut(group), self.waiters.get(waiter)) else {
            return Left::default();
        };
        match record.state {
            WaiterState::Waiting(_) => this.arrived.unlink(&mut self.waiters, waiter),
            WaiterState::Rejoined(_) => drop(this.rejoined.remove(&record.number)),
            WaiterState::Aside => this.aside -= 1,
            WaiterState::Granted => {}
        }
        match self.waiters.remove(waiter).map(|record| record.state) {
            Some(WaiterState::Waiting(own) | WaiterState::Rejoined(own)) => {
                self.waiting -= 1;
                Left { own, next: None }
            }
            Some(WaiterState::Aside) => {
                self.waiting -= 1;
                self.groups.remove_if_unused(group, &mut self.batches);
                Left::default()
            }
            Some(WaiterState::Granted) => Left { own: None, next: self.release(group, NONE) },
            None => Left::default(),
        }
    }

    /// Does what [`begin_body`](Self::begin_body) does if no request waits for the permit: the body needs no
    /// time then.
    #[inline]
    pub(crate) fn try_begin_body(&mut self, group: Index) -> Option<Index> {
        let this = self.groups.get_mut(group).filter(|this| this.is_queue_empty())?;
        Some(this.open_bodies.begin())
    }

    /// Counts a permit of the group as held by a response body that begins now, and returns the body's batch.
    pub(crate) fn begin_body(&mut self, group: Index, now: Instant) -> Index {
        let Some(this) = self.groups.get_mut(group) else { return NONE };
        let batch = this.open_bodies.begin();
        this.open_bodies.set_time(now, &mut self.batches);
        batch
    }

    /// Does what [`release`](Self::release) does if that is only to count: no request waits, the body has no
    /// time, and the group stays. Returns `false` otherwise, and does nothing.
    #[inline]
    pub(crate) fn try_release(&mut self, group: Index, batch: Index) -> bool {
        let Some(this) = self.groups.get_mut(group) else { return false };
        let only_counts = this.key.is_none() && this.is_queue_empty() && this.open_bodies.try_end(batch);
        if only_counts {
            this.held -= 1;
        }
        only_counts
    }

    /// Returns a permit of the group, which a body of this batch held; [`NONE`] if no body did. The permit
    /// goes to the first waiter, whose waker is returned, or becomes free.
    pub(crate) fn release(&mut self, group: Index, batch: Index) -> Option<Waker> {
        let this = self.groups.get_mut(group)?;
        this.open_bodies.end(batch, &mut self.batches);
        if !this.is_queue_empty() {
            return self.grant_next(group);
        }
        this.held -= 1;
        self.groups.remove_if_unused(group, &mut self.batches);
        None
    }

    /// Hands a permit, which stays held, to the first waiter of the queue.
    fn grant_next(&mut self, group: Index) -> Option<Waker> {
        let this = self.groups.get_mut(group)?;
        let first = this.arrived.first(&self.waiters).map(|record| record.number);
        let next = match this.rejoined.first_entry() {
            Some(rejoined) if first.is_none_or(|first| *rejoined.key() < first) => rejoined.remove(),
            _ => this.arrived.pop(&mut self.waiters)?,
        };
        self.waiting -= 1;
        match mem::replace(&mut self.waiters.get_mut(next)?.state, WaiterState::Granted) {
            WaiterState::Waiting(waker) | WaiterState::Rejoined(waker) => waker,
            WaiterState::Granted | WaiterState::Aside => None,
        }
    }

    /// How many requests wait, for a permit or for their client, over all groups.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The permits of one group.
    pub(crate) fn group_usage(&mut self, group: Index, now: Instant) -> GroupUsage {
        let mut usage = GroupUsage { permits: self.permits, ..GroupUsage::default() };
        if let Some(this) = self.groups.get_mut(group) {
            this.open_bodies.set_time(now, &mut self.batches);
            let oldest = this.open_bodies.oldest(&self.batches);
            usage.held = this.held;
            usage.open_bodies = this.open_bodies.len();
            usage.oldest = oldest.map(|since| now.saturating_duration_since(since));
        }
        usage
    }

    /// The permits and waiters of all groups.
    pub(crate) fn usage(&mut self, now: Instant) -> Usage {
        let mut total = Usage {
            permits: Some(self.permits),
            waiting: self.waiting,
            keys: self.groups.keys(),
            ..Usage::default()
        };
        for group in self.groups.all() {
            let of_group = self.group_usage(group, now);
            total.in_flight += of_group.held;
            total.open_bodies += of_group.open_bodies;
            total.oldest_open_body = total.oldest_open_body.max(of_group.oldest);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_was_once_large_enough_does_not_grow() {
        let mut state = LimiterState::new(1, 10);
        for _ in 0..100 {
            let group = state.group(Some("key"));
            assert!(state.try_acquire(group));
            let batch = state.try_begin_body(group).unwrap();
            let [first, second] = [(); 2].map(|()| state.join(group, Instant::now()).unwrap());
            assert!(state.release(group, batch).is_none(), "the first has no waker yet");
            assert_eq!(state.poll(first, &mut None), WaiterStatus::Granted);
            assert!(state.step_aside(group, first).is_none(), "the second has no waker yet");
            assert_eq!(state.poll(second, &mut None), WaiterStatus::Granted);
            assert!(!state.rejoin(group, first, &mut None));
            state.leave(group, second);
            assert_eq!(state.poll(first, &mut None), WaiterStatus::Granted);
            state.remove_granted(first);
            assert!(state.release(group, NONE).is_none(), "the permit is free");
        }
        let sizes = (state.waiters.capacity(), state.batches.capacity(), state.groups.capacity());
        assert_eq!(sizes, (2, 3, 1));
    }
}
