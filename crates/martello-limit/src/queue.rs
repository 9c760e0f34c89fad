use std::task::{Poll, Waker};

use tokio::time::Instant;

use crate::{
    keys::{Group, Groups},
    list::Slab,
    snapshot::{Snapshot, Standing},
};

/// Who holds permits and who waits for one, in each group first come, first served.
///
/// Where a group has a free permit, nobody waits in it: a permit that is given back goes to the first who waits,
/// and is free only when there is none.
///
/// It locks nothing, reads no clock, and neither wakes nor drops a waker: all that is the caller's.
pub(crate) struct Queue {
    permits: usize,
    max_waiting: usize,
    waiting: usize,
    groups: Groups,
    waiters: Slab<Waiter>,
    /// Since when at least each body holds its permit. Bodies that nobody waited for have no time yet.
    bodies: Slab<Option<Instant>>,
}

enum Waiter {
    Waiting(Option<Waker>),
    Granted,
}

/// What a waiter leaves behind.
pub(crate) enum Left {
    Waiting { waker: Option<Waker> },
    Granted,
}

impl Queue {
    pub(crate) fn new(permits: usize, max_waiting: usize) -> Self {
        Self {
            permits,
            max_waiting,
            waiting: 0,
            groups: Groups::new(),
            waiters: Slab::new(),
            bodies: Slab::new(),
        }
    }

    /// The group of this key. A new one must take a permit.
    pub(crate) fn group(&mut self, key: Option<&str>) -> usize {
        match key {
            Some(key) => self.groups.of(key),
            None => self.groups.without_key,
        }
    }

    /// Takes a permit of the group, if one is free.
    pub(crate) fn take(&mut self, group: usize) -> bool {
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
    pub(crate) fn give_back(&mut self, group: usize, body: Option<usize>) -> Option<Waker> {
        let of = self.groups.get_mut(group)?;
        if let Some(body) = body {
            of.unread.unlink(&mut self.bodies, body);
            self.bodies.remove(body);
        }
        if let Some(first) = of.waiting.pop(&mut self.waiters) {
            self.waiting -= 1;
            return match self.waiters.get_mut(first).map(|first| std::mem::replace(first, Waiter::Granted)) {
                Some(Waiter::Waiting(waker)) => waker,
                Some(Waiter::Granted) | None => None,
            };
        }
        of.held -= 1;
        self.groups.forget_if_idle(group);
        None
    }

    /// Joins the end of the group's queue, unless so many wait already that it is full.
    pub(crate) fn join(&mut self, group: usize, now: Instant) -> Option<usize> {
        let of = self.groups.get_mut(group)?;
        stamp(of, &mut self.bodies, now);
        if self.waiting >= self.max_waiting {
            return None;
        }
        self.waiting += 1;
        Some(of.waiting.push(&mut self.waiters, Waiter::Waiting(None)))
    }

    /// Whether it is this waiter's turn, which then is one no longer; if not, its waker is swapped with this.
    pub(crate) fn poll(&mut self, waiter: usize, waker: &mut Option<Waker>) -> Poll<()> {
        match self.waiters.get_mut(waiter) {
            Some(Waiter::Waiting(older)) => {
                std::mem::swap(older, waker);
                Poll::Pending
            }
            Some(Waiter::Granted) => {
                self.waiters.remove(waiter);
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }

    /// Takes a waiter out. If it was granted a permit in the meantime, that is the caller's now.
    pub(crate) fn leave(&mut self, group: usize, waiter: usize) -> Left {
        if let (Some(of), Some(Waiter::Waiting(_))) = (self.groups.get_mut(group), self.waiters.get(waiter)) {
            of.waiting.unlink(&mut self.waiters, waiter);
            self.waiting -= 1;
        }
        match self.waiters.remove(waiter) {
            Some(Waiter::Waiting(waker)) => Left::Waiting { waker },
            Some(Waiter::Granted) => Left::Granted,
            None => Left::Waiting { waker: None },
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Counts a permit of the group as held by a body. The clock is read only if somebody waits for it.
    pub(crate) fn body_begins(&mut self, group: usize, now: impl FnOnce() -> Instant) -> Option<usize> {
        let of = self.groups.get_mut(group)?;
        let since = (of.waiting.len() > 0).then(now);
        Some(of.unread.push(&mut self.bodies, since))
    }

    /// How the group stands at this moment.
    pub(crate) fn standing(&mut self, group: usize, now: Instant) -> Standing {
        let mut standing = Standing { permits: self.permits, ..Standing::default() };
        if let Some(of) = self.groups.get_mut(group) {
            stamp(of, &mut self.bodies, now);
            let oldest = of.unread.first(&self.bodies).copied().flatten();
            standing.held = of.held;
            standing.unread = of.unread.len();
            standing.oldest = oldest.map(|since| now.saturating_duration_since(since));
        }
        standing
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
            let standing = self.standing(group, now);
            snapshot.in_flight += standing.held;
            snapshot.unread += standing.unread;
            snapshot.oldest_unread = snapshot.oldest_unread.max(standing.oldest);
        }
        snapshot
    }
}

/// Notes the moment on those bodies of the group that have none. They are the last ones of the list.
fn stamp(group: &Group, bodies: &mut Slab<Option<Instant>>, now: Instant) {
    group.unread.change_from_last(bodies, |since| {
        let changed = since.is_none();
        since.get_or_insert(now);
        changed
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_was_large_enough_once_grows_no_more() {
        let mut queue = Queue::new(1, 10);
        for _ in 0..100 {
            let group = queue.group(Some("key"));
            assert!(queue.take(group));
            let body = queue.body_begins(group, || unreachable!("nobody waits"));
            let waiters = [(); 2].map(|()| queue.join(group, Instant::now()).unwrap());
            assert!(queue.give_back(group, body).is_none(), "the first has no waker yet");
            assert!(queue.poll(waiters[0], &mut None).is_ready());
            assert!(matches!(queue.leave(group, waiters[1]), Left::Waiting { waker: None }));
            assert!(queue.give_back(group, None).is_none());
        }
        let sizes = (queue.waiters.capacity(), queue.bodies.capacity(), queue.groups.capacity());
        assert_eq!(sizes, (2, 1, 2));
    }
}
