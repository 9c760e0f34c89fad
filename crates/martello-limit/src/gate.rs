use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::Request;
use martello_outcome::{CallError, ErrorKind, Outcome, RequestHead};
use tokio::time::Instant;

use crate::{
    Release,
    keys::KeyFn,
    queue::{Left, Queue},
    snapshot::Snapshot,
};

/// The permits of one layer value, and the rules by which they are given out.
///
/// Wakers are woken and dropped outside the lock: either may run code that comes back for it.
pub(crate) struct Gate {
    pub(crate) max_wait: Duration,
    pub(crate) release: Release,
    key: Option<Arc<KeyFn>>,
    queue: Mutex<Queue>,
}

/// What a request gets at the gate.
pub(crate) enum Entry {
    Permit(Permit),
    Place(Place),
    Refused(CallError),
}

impl Gate {
    pub(crate) fn new(queue: Queue, max_wait: Duration, release: Release, key: Option<Arc<KeyFn>>) -> Self {
        Self { max_wait, release, key, queue: Mutex::new(queue) }
    }

    pub(crate) fn enter<B>(self: &Arc<Self>, request: &Request<B>) -> Entry {
        let key = self.key.as_ref().map(|key| key(RequestHead::from(request)));
        let mut queue = self.lock();
        let group = queue.group(key.as_deref());
        if queue.take(group) {
            drop(queue);
            return Entry::Permit(Permit::new(self, group));
        }
        self.wait(queue, group)
    }

    #[cold]
    fn wait(self: &Arc<Self>, mut queue: MutexGuard<'_, Queue>, group: usize) -> Entry {
        let now = Instant::now();
        if let Some(waiter) = queue.join(group, now) {
            return Entry::Place(Place { gate: Arc::clone(self), group, waiter: Some(waiter), since: now });
        }
        let (waiting, standing) = (queue.waiting(), queue.standing(group, now));
        drop(queue);
        let message = format!("{waiting} requests wait for a permit, and no more may: {standing}");
        Entry::Refused(CallError::new(ErrorKind::LimitFull, Outcome::Unsent, message))
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let now = Instant::now();
        self.lock().snapshot(now)
    }

    /// Nothing of the user's runs under the lock, so that no panic can have left the queue half changed.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says nothing of the queue: its keys may be credentials, and writing them takes its lock.
impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("max_wait", &self.max_wait)
            .field("release", &self.release)
            .field("keyed", &self.key.is_some())
            .finish_non_exhaustive()
    }
}

/// The right to have one request in flight. It is given back when it is dropped.
pub(crate) struct Permit {
    gate: Arc<Gate>,
    group: usize,
    /// Which body holds it.
    body: Option<usize>,
}

impl Permit {
    fn new(gate: &Arc<Gate>, group: usize) -> Self {
        Self { gate: Arc::clone(gate), group, body: None }
    }

    /// From now on it counts as held by a response body.
    pub(crate) fn goes_into_body(&mut self) {
        self.body = self.gate.lock().body_begins(self.group, Instant::now);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = self.gate.lock().give_back(self.group, self.body);
        if let Some(next) = next {
            next.wake();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A place in the queue for a permit. Dropping it leaves the queue, or passes on the permit that had come.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    group: usize,
    waiter: Option<usize>,
    since: Instant,
}

impl Place {
    /// When the request began to wait.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Until when it waits.
    pub(crate) fn until(&self) -> Instant {
        self.since + self.gate.max_wait
    }

    /// The permit, once it has come. A place that yielded it yields no other.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Permit> {
        let Some(waiter) = self.waiter else {
            return Poll::Pending;
        };
        let mut waker = Some(Waker::clone(cx.waker()));
        let turn = self.gate.lock().poll(waiter, &mut waker);
        turn.map(|()| {
            self.waiter = None;
            Permit::new(&self.gate, self.group)
        })
    }

    /// Leaves the queue.
    ///
    /// # Errors
    ///
    /// That the permit did not come in time, unless it came at the last moment.
    pub(crate) fn give_up(&mut self) -> Result<Permit, CallError> {
        let waited = self.gate.max_wait;
        // While it stands here, its group is there too.
        let standing = self.gate.lock().standing(self.group, Instant::now());
        self.leave().ok_or_else(|| {
            let message = format!("no permit came within {waited:?}: {standing}");
            CallError::new(ErrorKind::LimitWaitTimeout, Outcome::Unsent, message)
        })
    }

    fn leave(&mut self) -> Option<Permit> {
        let waiter = self.waiter.take()?;
        let left = self.gate.lock().leave(self.group, waiter);
        match left {
            Left::Granted => Some(Permit::new(&self.gate, self.group)),
            Left::Waiting { waker } => {
                drop(waker);
                None
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.leave());
    }
}
