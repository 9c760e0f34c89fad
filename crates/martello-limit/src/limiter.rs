use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Request;
use martello_outcome::{CallError, ErrorKind, Outcome, RequestHead};
use tokio::time::Instant;

use crate::{
    Release,
    keys::{KeyFn, WITHOUT_KEY},
    permit::Permit,
    queue::Queue,
    slab::{Index, NONE},
    snapshot::Snapshot,
    tally::Tally,
    waiter::Waiter,
};

/// The permits of one layer value, and the rules by which they are given out.
///
/// Wakers are woken and dropped outside the lock: either may run code that comes back for it.
pub(crate) struct Limiter {
    pub(crate) max_wait: Duration,
    pub(crate) release: Release,
    key: Option<Arc<KeyFn>>,
    tally: Tally,
    queue: Mutex<Queue>,
}

/// What a request gets at the limiter.
pub(crate) enum Acquire {
    Permit(Permit),
    Waiter(Waiter),
    Refused(CallError),
}

impl Limiter {
    pub(crate) fn new(queue: Queue, max_wait: Duration, release: Release, key: Option<Arc<KeyFn>>) -> Self {
        let tally = Tally::new(queue.permits());
        Self { max_wait, release, key, tally, queue: Mutex::new(queue) }
    }

    #[inline]
    pub(crate) fn enter<B>(self: &Arc<Self>, request: &Request<B>) -> Acquire {
        if self.tally.take() {
            return Acquire::Permit(Permit::new(self, WITHOUT_KEY));
        }
        match &self.key {
            None => self.enter_by(None),
            Some(key) => self.enter_by(Some(&key(RequestHead::from(request)))),
        }
    }

    fn enter_by(self: &Arc<Self>, key: Option<&str>) -> Acquire {
        let mut queue = self.lock();
        let group = queue.group(key);
        if queue.take(group) {
            drop(queue);
            return Acquire::Permit(Permit::new(self, group));
        }
        self.wait(queue, group)
    }

    #[cold]
    fn wait(self: &Arc<Self>, mut queue: Locked<'_>, group: Index) -> Acquire {
        let now = Instant::now();
        if let Some((waiter, number)) = queue.join(group, now) {
            return Acquire::Waiter(Waiter::new(self, group, waiter, number, now));
        }
        let (waiting, usage) = (queue.waiting(), queue.usage(group, now));
        drop(queue);
        let message = format!("{waiting} requests wait for a permit, and no more may: {usage}");
        Acquire::Refused(CallError::new(ErrorKind::LimitFull, Outcome::Unsent, message))
    }

    /// Counts a permit of the group as held by a body. Returned is the body's batch.
    #[inline]
    pub(crate) fn body_begins(&self, group: Index) -> Index {
        self.tally.body_begins().unwrap_or_else(|| self.body_begins_in_queue(group))
    }

    fn body_begins_in_queue(&self, group: Index) -> Index {
        self.lock().body_begins(group, Instant::now).unwrap_or(NONE)
    }

    /// Takes a permit of the group back, from a body of this batch or, if it is [`NONE`], from no body.
    #[inline]
    pub(crate) fn give_back(&self, group: Index, batch: Index) {
        if !self.tally.give_back(batch) {
            self.give_back_to_queue(group, batch);
        }
    }

    fn give_back_to_queue(&self, group: Index, batch: Index) {
        let next = self.lock().give_back(group, batch);
        if let Some(next) = next {
            next.wake();
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        self.lock().snapshot(now)
    }

    /// Nothing of the user's runs under the lock, so that no panic can have left the queue half changed.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = self.tally.hand_over() {
            queue.take_over(counts);
        }
        Locked { queue, limiter: self }
    }
}

/// The queue of a limiter, which counts as long as this lives, and beyond while somebody waits.
pub(crate) struct Locked<'a> {
    queue: MutexGuard<'a, Queue>,
    limiter: &'a Limiter,
}

impl Deref for Locked<'_> {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        &self.queue
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Queue {
        &mut self.queue
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // With keys there are many groups, and the queue counts them all.
        if self.limiter.key.is_some() {
            return;
        }
        if let Some(counts) = self.queue.hand_over() {
            self.limiter.tally.take_over(counts);
        }
    }
}

/// Says nothing of the queue: its keys may be credentials, and writing them takes its lock.
impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("max_wait", &self.max_wait)
            .field("release", &self.release)
            .field("keyed", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll, Waker},
        thread,
    };

    use super::*;

    fn waiter(limiter: &Arc<Limiter>) -> Waiter {
        match limiter.enter(&Request::new(())) {
            Acquire::Waiter(waiter) => waiter,
            _ => panic!("a permit was free, or nobody may wait"),
        }
    }

    #[test]
    fn once_nobody_waits_for_a_permit_it_counts_without_a_lock_again() {
        let limiter = Arc::new(Limiter::new(Queue::new(1, 10), Duration::from_secs(1), Release::Body, None));
        let counts_without_lock = || limiter.tally.body_begins().is_some();
        let Acquire::Permit(permit) = limiter.enter(&Request::new(())) else { panic!("a permit is free") };
        assert!(counts_without_lock());

        let left = waiter(&limiter);
        assert!(!counts_without_lock());
        drop(left);
        assert!(counts_without_lock());

        let mut aside = waiter(&limiter);
        drop(permit);
        let not_ready = |_: &mut Context<'_>| Poll::<Result<(), ()>>::Pending;
        assert!(aside.poll(&mut Context::from_waker(Waker::noop()), not_ready).is_pending());
        assert!(counts_without_lock(), "only one whose client is not ready is left");
    }

    #[test]
    fn threads_that_count_by_turns_lose_no_permit_and_invent_none() {
        let queue = Queue::new(1, 10);
        let limiter = Arc::new(Limiter::new(queue, Duration::from_secs(1), Release::Body, None));
        let (held, start) = (AtomicUsize::new(0), Barrier::new(4));
        let use_permit = |permit: Permit, in_body: bool| {
            assert!(held.fetch_add(1, Ordering::SeqCst) < 1);
            let permit = if in_body { permit.into_body() } else { permit };
            held.fetch_sub(1, Ordering::SeqCst);
            drop(permit);
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    for round in 0..100_000 {
                        if round % 8 == 0 {
                            assert!(limiter.snapshot().in_flight <= 1);
                        }
                        match limiter.enter(&Request::new(())) {
                            Acquire::Permit(permit) => use_permit(permit, round % 2 == 0),
                            Acquire::Waiter(waiter) => drop(waiter),
                            Acquire::Refused(error) => panic!("{error}"),
                        }
                    }
                });
            }
        });
        let left = limiter.snapshot();
        assert_eq!((left.in_flight, left.unread, left.waiting), (0, 0, 0));
    }
}
