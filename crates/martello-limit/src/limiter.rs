use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
    time::Duration,
};

use http::Request;
use martello_outcome::RequestHead;
use tokio::time::Instant;

use crate::{
    group::WaiterId,
    keys::KeyFn,
    slab::Index,
    state::{LimiterState, WaiterStatus},
    usage::{GroupUsage, Usage},
};

/// The permits of one layer value, behind one mutex.
///
/// Each method locks the state once, changes it and returns plain data. No code of the user's runs under the
/// lock: wakers are cloned before it is taken, and woken or dropped after it is released. A panic in a waker
/// or in a key function therefore finds the state consistent, and a poisoned mutex is safe to use.
///
/// The guards that requests hold, `Permit` and `Waiter`, are in `acquire.rs`.
pub(crate) struct Limiter {
    pub(crate) max_wait: Duration,
    key: Option<Arc<KeyFn>>,
    state: Mutex<LimiterState>,
}

/// The answer to a request for a permit.
pub(crate) enum Admission {
    /// A permit of this group. The caller returns it with [`Limiter::release`].
    Granted { group: Index },
    /// A waiter of this group. The caller removes it with [`Limiter::remove_granted`] or [`Limiter::leave`].
    Queued { group: Index, waiter: WaiterId, since: Instant },
    /// No permit is free, and as many requests wait as may.
    Full { waiting: usize, usage: GroupUsage },
}

impl Limiter {
    pub(crate) fn new(state: LimiterState, max_wait: Duration, key: Option<Arc<KeyFn>>) -> Self {
        Self { max_wait, key, state: Mutex::new(state) }
    }

    /// Takes a free permit of the request's group, or appends a waiter to its queue.
    #[inline(always)]
    pub(crate) fn acquire<B>(&self, request: &Request<B>) -> Admission {
        match &self.key {
            None => self.acquire_for(None),
            Some(key) => self.acquire_for_key(&key(RequestHead::from(request))),
        }
    }

    #[inline(never)]
    fn acquire_for_key(&self, key: &str) -> Admission {
        self.acquire_for(Some(key))
    }

    #[inline(always)]
    fn acquire_for(&self, key: Option<&str>) -> Admission {
        let mut state = self.lock();
        let group = state.group(key);
        if state.try_acquire(group) { Admission::Granted { group } } else { join_slow(state, group) }
    }

    /// Counts a permit of the group as held by a response body, and returns the body's batch.
    #[inline(always)]
    pub(crate) fn begin_body(&self, group: Index) -> Index {
        let mut state = self.lock();
        state.try_begin_body(group).unwrap_or_else(|| begin_body_slow(state, group))
    }

    /// Returns a permit of the group, which a body of this batch held; [`NONE`](crate::slab::NONE) if no body
    /// did.
    #[inline(always)]
    pub(crate) fn release(&self, group: Index, batch: Index) {
        let mut state = self.lock();
        if !state.try_release(group, batch) {
            release_slow(state, group, batch);
        }
    }

    /// The status of a waiter. While it waits for a permit, `cx` is woken when the permit comes.
    pub(crate) fn poll(&self, waiter: WaiterId, cx: &Context<'_>) -> WaiterStatus {
        let mut waker = Some(Waker::clone(cx.waker()));
        // The guard is dropped at the end of this statement, and the replaced waker after it.
        self.lock().poll(waiter, &mut waker)
    }

    /// Removes a waiter that was granted a permit. The permit is the caller's now.
    pub(crate) fn remove_granted(&self, waiter: WaiterId) {
        self.lock().remove_granted(waiter);
    }

    /// Passes the permit of a granted waiter on, and keeps the waiter aside until it rejoins.
    pub(crate) fn step_aside(&self, group: Index, waiter: WaiterId) {
        let next = self.lock().step_aside(group, waiter);
        if let Some(next) = next {
            next.wake();
        }
    }

    /// Ends stepping aside. Returns whether a permit was free, which is granted to the waiter then. Otherwise
    /// the waiter rejoins the queue, and `cx` is woken when the permit comes.
    pub(crate) fn rejoin(&self, group: Index, waiter: WaiterId, cx: &Context<'_>) -> bool {
        let mut waker = Some(Waker::clone(cx.waker()));
        self.lock().rejoin(group, waiter, &mut waker)
    }

    /// Removes a waiter. If it was granted a permit, the permit goes to the next waiter.
    pub(crate) fn leave(&self, group: Index, waiter: WaiterId) {
        let left = self.lock().leave(group, waiter);
        drop(left.own);
        if let Some(next) = left.next {
            next.wake();
        }
    }

    /// The permits of one group.
    pub(crate) fn group_usage(&self, group: Index) -> GroupUsage {
        let now = Instant::now();
        self.lock().group_usage(group, now)
    }

    /// The permits and waiters of all groups.
    pub(crate) fn usage(&self) -> Usage {
        let now = Instant::now();
        self.lock().usage(now)
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// The rare cases of three functions above, which stay short without them. Each releases the lock at its end.

#[cold]
fn begin_body_slow(mut state: MutexGuard<'_, LimiterState>, group: Index) -> Index {
    state.begin_body(group, Instant::now())
}

#[cold]
fn release_slow(mut state: MutexGuard<'_, LimiterState>, group: Index, batch: Index) {
    let next = state.release(group, batch);
    drop(state);
    if let Some(next) = next {
        next.wake();
    }
}

#[cold]
fn join_slow(mut state: MutexGuard<'_, LimiterState>, group: Index) -> Admission {
    let now = Instant::now();
    match state.join(group, now) {
        Some(waiter) => Admission::Queued { group, waiter, since: now },
        None => Admission::Full { waiting: state.waiting(), usage: state.group_usage(group, now) },
    }
}

/// Omits the state: its keys may be credentials, and formatting it would take the lock.
impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("max_wait", &self.max_wait)
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
        thread,
    };

    use super::*;
    use crate::slab::NONE;

    #[test]
    fn a_poisoned_lock_does_not_panic() {
        let limiter = Limiter::new(LimiterState::new(1, 10), Duration::from_secs(1), None);
        let poison = || {
            let _locked = limiter.lock();
            std::panic::resume_unwind(Box::new("poisoned"));
        };
        thread::scope(|scope| scope.spawn(poison).join().unwrap_err());
        assert!(limiter.state.is_poisoned());
        assert!(matches!(limiter.acquire(&Request::new(())), Admission::Granted { .. }));
        assert_eq!(limiter.usage().in_flight, 1);
    }

    #[test]
    fn threads_lose_no_permit_and_invent_none() {
        let limiter = Limiter::new(LimiterState::new(1, 10), Duration::from_secs(1), None);
        let (held, start) = (AtomicUsize::new(0), Barrier::new(4));
        let use_permit = |group, in_body: bool| {
            assert!(held.fetch_add(1, Ordering::SeqCst) < 1);
            let batch = if in_body { limiter.begin_body(group) } else { NONE };
            held.fetch_sub(1, Ordering::SeqCst);
            limiter.release(group, batch);
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    for round in 0..100_000 {
                        if round % 8 == 0 {
                            assert!(limiter.usage().in_flight <= 1);
                        }
                        match limiter.acquire(&Request::new(())) {
                            Admission::Granted { group } => use_permit(group, round % 2 == 0),
                            Admission::Queued { group, waiter, .. } => limiter.leave(group, waiter),
                            Admission::Full { usage, .. } => panic!("{usage}"),
                        }
                    }
                });
            }
        });
        let left = limiter.usage();
        assert_eq!((left.in_flight, left.open_bodies, left.waiting), (0, 0, 0));
    }
}
