use std::task::Waker;

use tokio::time::Instant;

use crate::{
    keys::{Group, Groups, WITHOUT_KEY},
    slab::{Index, Slab},
    snapshot::{Snapshot, Usage},
    tally::Counts,
    unread::Batch,
};

/// Who holds permits and who waits for one, in each group first come, first served.
///
/// Where a group has a free permit, nobody waits in it whose client is ready: a permit that is given back goes to the
/// first who waits, and is free only when there is none. Whoever cannot use it steps aside: it is offered nothing until
/// its client is ready, and then waits again before everybody who joined after it.
///
/// It locks nothing, reads no clock, and neither wakes nor drops a waker: all that is the caller's.
pub(crate) struct Queue {
    permits: usize,
    max_waiting: usize,
    /// How many wait or stand aside.
    waiting: usize,
    /// The number of the next who joins.
    next: u64,
    groups: Groups,
    waiters: Slab<QueueEntry>,
    batches: Slab<Batch>,
}

struct QueueEntry {
    /// The lower, the earlier it joined.
    number: u64,
    state: State,
}

enum State {
    Waiting(Option<Waker>),
    /// It stood aside, and waits again.
    Back(Option<Waker>),
    Granted,
    Aside,
}

/// What a waiter finds when it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It is not its turn.
    Wait,
    /// A permit was there, which is the caller's now. The waiter is one no longer.
    Permit,
    /// It stands aside.
    Aside,
}

/// What a waiter leaves behind.
pub(crate) enum Left {
    Waiting { waker: Option<Waker> },
    Granted,
}

impl Queue {
    pub(crate) fn new(permits: usize, max_waiting: usize) -> Self {
        let mut batches = Slab::new();
        let groups = Groups::new(&mut batches);
        Self { permits, max_waiting, waiting: 0, next: 0, groups, waiters: Slab::new(), batches }
    }

    /// Counts the group without a key from here.
    pub(crate) fn take_over(&mut self, counts: Counts) {
        self.groups.without_key.held = counts.held;
        self.groups.without_key.unread.untimed = counts.untimed;
    }

    /// The counts of the group without a key, unless somebody waits in it.
    pub(crate) fn hand_over(&self) -> Option<Counts> {
        let group @ Group { held, unread, .. } = &self.groups.without_key;
        group.is_idle().then_some(Counts { held: *held, untimed: unread.untimed, batch: unread.next })
    }

    /// The group of this key. A new one must take a permit.
    pub(crate) fn group(&mut self, key: Option<&str>) -> Index {
        key.map_or(WITHOUT_KEY, |key| self.groups.of(key, &mut self.batches))
    }

    /// Takes a permit of the group, if one is free.
    pub(crate) fn take(&mut self, group: Index) -> bool {
        match self.groups.get_mut(group) {
            Some(group) if group.held < self.permits => {
                group.held += 1;
                true
            }
            _ => false,
        }
    }

    /// Takes a permit back from the body that held it, if one did. It goes to the first who waits, whose waker is
    /// returned, or is free.
    pub(crate) fn give_back(&mut self, group: Index, batch: Index) -> Option<Waker> {
        let of = self.groups.get_mut(group)?;
        of.unread.end(batch, &mut self.batches);
        if !of.is_idle() {
            return self.pass_on(group);
        }
        of.held -= 1;
        if group != WITHOUT_KEY {
            self.groups.forget_if_idle(group, &mut self.batches);
        }
        None
    }

    fn pass_on(&mut self, group: Index) -> Option<Waker> {
        let of = self.groups.get_mut(group)?;
        let newcomer = of.waiting.first(&self.waiters).map(|waiter| waiter.number);
        let first = match of.back.first_entry() {
            Some(back) if newcomer.is_none_or(|number| *back.key() < number) => back.remove(),
            _ => of.waiting.pop(&mut self.waiters)?,
        };
        self.waiting -= 1;
        match std::mem::replace(&mut self.waiters.get_mut(first)?.state, State::Granted) {
            State::Waiting(waker) | State::Back(waker) => waker,
            State::Granted | State::Aside => None,
        }
    }

    /// Joins the end of the group's queue, unless so many wait already that it is full. Returned are the waiter and
    /// its number.
    pub(crate) fn join(&mut self, group: Index, now: Instant) -> Option<(Index, u64)> {
        let of = self.groups.get_mut(group)?;
        of.unread.time(now, &mut self.batches);
        if self.waiting >= self.max_waiting {
            return None;
        }
        self.waiting += 1;
        let number = self.next;
        self.next += 1;
        let waiter = self.waiters.insert(QueueEntry { number, state: State::Waiting(None) });
        of.waiting.push(&mut self.waiters, waiter);
        Some((waiter, number))
    }

    /// Looks for the turn of this waiter; if it still has to wait for that, its waker is swapped with this.
    pub(crate) fn poll(&mut self, waiter: Index, waker: &mut Option<Waker>) -> Turn {
        match self.waiters.get_mut(waiter).map(|waiter| &mut waiter.state) {
            Some(State::Waiting(older) | State::Back(older)) => {
                std::mem::swap(older, waker);
                Turn::Wait
            }
            Some(State::Granted) => {
                self.waiters.remove(waiter);
                Turn::Permit
            }
            Some(State::Aside) => Turn::Aside,
            None => Turn::Wait,
        }
    }

    /// Who had this number stands aside, because it cannot use the permit that it has taken; it counts among those who
    /// wait, if need be beyond their bound. It gives the permit back afterwards.
    pub(crate) fn step_aside(&mut self, group: Index, number: u64) -> Option<Index> {
        self.groups.get_mut(group)?.aside += 1;
        self.waiting += 1;
        Some(self.waiters.insert(QueueEntry { number, state: State::Aside }))
    }

    /// Who stood aside could use a permit now. It takes one that is free and is a waiter no longer, or waits again, in
    /// the place that its number gives it, and is woken by this waker.
    pub(crate) fn come_back(&mut self, group: Index, waiter: Index, waker: &mut Option<Waker>) -> bool {
        let (Some(of), Some(this)) = (self.groups.get_mut(group), self.waiters.get_mut(waiter)) else {
            return false;
        };
        of.aside -= 1;
        if of.held < self.permits {
            of.held += 1;
            self.waiting -= 1;
            self.waiters.remove(waiter);
            return true;
        }
        this.state = State::Back(waker.take());
        of.back.insert(this.number, waiter);
        false
    }

    /// Takes a waiter out. If it was granted a permit in the meantime, that is the caller's now.
    pub(crate) fn leave(&mut self, group: Index, waiter: Index) -> Left {
        if let (Some(of), Some(this)) = (self.groups.get_mut(group), self.waiters.get(waiter)) {
            let waits = !matches!(this.state, State::Granted);
            self.waiting -= usize::from(waits);
            match this.state {
                State::Waiting(_) => of.waiting.unlink(&mut self.waiters, waiter),
                State::Back(_) => drop(of.back.remove(&this.number)),
                State::Aside => {
                    of.aside -= 1;
                    self.groups.forget_if_idle(group, &mut self.batches);
                }
                State::Granted => {}
            }
        }
        match self.waiters.remove(waiter).map(|waiter| waiter.state) {
            Some(State::Waiting(waker) | State::Back(waker)) => Left::Waiting { waker },
            Some(State::Granted) => Left::Granted,
            Some(State::Aside) | None => Left::Waiting { waker: None },
        }
    }

    pub(crate) fn permits(&self) -> usize {
        self.permits
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Counts a permit of the group as held by a body. Returned is the body's batch. The clock is read only if
    /// somebody waits for the permit.
    pub(crate) fn body_begins(&mut self, group: Index, now: impl FnOnce() -> Instant) -> Option<Index> {
        let of = self.groups.get_mut(group)?;
        let batch = of.unread.begin();
        if !of.is_idle() {
            of.unread.time(now(), &mut self.batches);
        }
        Some(batch)
    }

    /// How the group stands at this moment.
    pub(crate) fn usage(&mut self, group: Index, now: Instant) -> Usage {
        let mut usage = Usage { permits: self.permits, ..Usage::default() };
        if let Some(of) = self.groups.get_mut(group) {
            of.unread.time(now, &mut self.batches);
            let oldest = of.unread.oldest(&self.batches);
            usage.held = of.held;
            usage.unread = of.unread.len();
            usage.oldest = oldest.map(|since| now.saturating_duration_since(since));
        }
        usage
    }

    /// How all groups stand at this moment.
    pub(crate) fn snapshot(&mut self, now: Instant) -> Snapshot {
        let mut snapshot = Snapshot {
            permits: Some(self.permits),
            waiting: self.waiting,
            keys: self.groups.keys(),
            ..Snapshot::default()
        };
        for group in self.groups.alive() {
            let usage = self.usage(group, now);
            snapshot.in_flight += usage.held;
            snapshot.unread += usage.unread;
            snapshot.oldest_unread = snapshot.oldest_unread.max(usage.oldest);
        }
        snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::NONE;

    #[test]
    fn a_queue_that_was_large_enough_once_grows_no_more() {
        let mut queue = Queue::new(1, 10);
        for _ in 0..100 {
            let group = queue.group(Some("key"));
            assert!(queue.take(group));
            let batch = queue.body_begins(group, || unreachable!("nobody waits")).unwrap();
            let [(first, number), (second, _)] = [(); 2].map(|()| queue.join(group, Instant::now()).unwrap());
            assert!(queue.give_back(group, batch).is_none(), "the first has no waker yet");
            assert_eq!(queue.poll(first, &mut None), Turn::Permit);
            let first = queue.step_aside(group, number).unwrap();
            assert!(queue.give_back(group, NONE).is_none(), "the second has the permit");
            assert!(!queue.come_back(group, first, &mut None));
            assert!(matches!(queue.leave(group, second), Left::Granted));
            assert!(queue.give_back(group, NONE).is_none());
            assert!(matches!(queue.leave(group, first), Left::Granted));
            assert!(queue.give_back(group, NONE).is_none(), "it is free");
        }
        let sizes = (queue.waiters.capacity(), queue.batches.capacity(), queue.groups.capacity());
        assert_eq!(sizes, (2, 3, 1));
    }
}
