//! A store in memory that implements each promise in the simplest way. Other engines are compared with it.

mod change;
mod data;
mod enqueue;
mod hold;
mod list;
mod overtake;
mod remove;
mod replay;
mod row;
mod stats;
mod turn;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::watch, time::Instant};

use self::{data::Data, row::Moment};
use super::{
    Change, Check, Clock, Cursor, Filter, JobId, Lease, Page, Purge, QueueStats, ReplayJob, Store,
    StoreError, StoreFuture, Turn, Turned, Watch,
};
use crate::{
    Detail, Enqueued, Entry, EntryId, NewEntry, OrderKey, Overtaken, QueueName, WhenOvertaken,
    store::KeyState,
};

/// A store in memory, for tests and for requests that may be lost when the process ends. It is the shortest
/// engine, and the conformance suite compares the others with it.
///
/// A clone is the same store. Entries stay until they are pruned or purged, without a limit. Most operations
/// scan all entries: use it for thousands of entries, not millions.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use martello_outbox::{Filter, MemoryStore, NewEntry, QueueName, State, Store, StoredRequest};
///
/// let store = MemoryStore::new();
/// let request = StoredRequest {
///     method: http::Method::PUT,
///     uri: "https://api.example/plans/7".parse()?,
///     headers: http::HeaderMap::new(),
///     body: r#"{"stops":3}"#.into(),
///     sealed: false,
/// };
/// store.enqueue(vec![NewEntry::new(QueueName::default(), request)]).await?;
/// assert_eq!(store.count(Filter::state(State::Ready)).await?, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    data: Mutex<Data>,
    clock: Clock,
    /// When the store was made, by this machine and by tokio: between the two the engine's own time goes on,
    /// so that a paused runtime moves it.
    origin: (Timestamp, Instant),
    ready: watch::Sender<u64>,
    ended: watch::Sender<u64>,
}

impl MemoryStore {
    /// An empty store with tokio's clock: it starts at the machine's time and advances with
    /// [`tokio::time::Instant`], also when a test has paused that.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Clock::Engine)
    }

    /// An empty store with this clock.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            data: Mutex::default(),
            clock,
            origin: (Timestamp::now(), Instant::now()),
            ready: watch::Sender::new(0),
            ended: watch::Sender::new(0),
        }))
    }

    fn now(&self) -> Timestamp {
        match &self.0.clock {
            Clock::Engine => row::after(self.0.origin.0, self.0.origin.1.elapsed()),
            Clock::Manual(clock) => clock.now(),
        }
    }

    /// Runs an operation alone, at one time, and notifies the watchers.
    fn act<T>(&self, act: impl FnOnce(&mut Data, &mut Moment) -> T) -> T {
        // No operation panics, so a poisoned lock has complete data.
        let mut data = self.0.data.lock().unwrap_or_else(PoisonError::into_inner);
        let mut moment = Moment::new(self.now());
        let done = act(&mut data, &mut moment);
        drop(data);
        for (news, sender) in [(moment.ready, &self.0.ready), (moment.ended, &self.0.ended)] {
            if news {
                sender.send_modify(|version| *version = version.wrapping_add(1));
            }
        }
        done
    }

    /// A future that runs an operation when it is first polled.
    fn later<'a, T: Send + 'a>(
        &'a self,
        act: impl FnOnce(&mut Data, &mut Moment) -> Result<T, StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move { self.act(act) })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("clock", &self.0.clock).finish_non_exhaustive()
    }
}

impl Store for MemoryStore {
    fn enqueue(&self, entries: Vec<NewEntry>) -> StoreFuture<'_, Vec<Enqueued>> {
        self.later(|data, at| data.enqueue(entries, at))
    }

    fn key_state<'a>(&'a self, queue: &'a QueueName, key: &'a OrderKey) -> StoreFuture<'a, KeyState> {
        self.later(|data, _| Ok(data.key_state(queue, key)))
    }

    fn overtake<'a>(
        &'a self,
        queue: &'a QueueName,
        key: &'a OrderKey,
        overtaken: Overtaken,
    ) -> StoreFuture<'a, u64> {
        self.later(move |data, _| Ok(data.overtake(queue, key, i64::MAX, overtaken)))
    }

    fn turn(&self, turn: Turn) -> StoreFuture<'_, Turned> {
        self.later(move |data, at| data.turn(&turn, at))
    }

    fn heartbeat(&self, leases: Vec<Lease>, lease_duration: Duration) -> StoreFuture<'_, Vec<bool>> {
        self.later(move |data, at| Ok(data.heartbeat(&leases, lease_duration, at)))
    }

    fn pause<'a>(&'a self, queue: &'a QueueName, why: &'a str) -> StoreFuture<'a, ()> {
        self.later(|data, _| {
            data.pause(queue, why);
            Ok(())
        })
    }

    fn resume<'a>(&'a self, queue: &'a QueueName) -> StoreFuture<'a, ()> {
        self.later(|data, at| {
            data.resume(queue, at);
            Ok(())
        })
    }

    fn queues(&self) -> StoreFuture<'_, Vec<QueueStats>> {
        self.later(|data, at| Ok(data.queues(at)))
    }

    fn entry(&self, id: EntryId) -> StoreFuture<'_, Option<Entry>> {
        self.later(move |data, _| Ok(data.row(id).ok().map(|row| row.entry.clone())))
    }

    fn detail(&self, id: EntryId) -> StoreFuture<'_, Option<Detail>> {
        self.later(move |data, _| Ok(data.detail(id)))
    }

    fn list(&self, filter: Filter, after: Option<Cursor>, limit: usize) -> StoreFuture<'_, Page> {
        self.later(move |data, _| data.list(&filter, after, limit))
    }

    fn count(&self, filter: Filter) -> StoreFuture<'_, u64> {
        self.later(move |data, _| Ok(data.count(|row| list::passes(row, &filter))))
    }

    fn change(&self, id: EntryId, change: Change) -> StoreFuture<'_, Entry> {
        self.later(move |data, at| data.change(id, change, at))
    }

    fn replay(
        &self,
        filter: Filter,
        per_second: f64,
        overtaken: WhenOvertaken,
    ) -> StoreFuture<'_, ReplayJob> {
        self.later(move |data, at| data.replay(filter, per_second, overtaken, at))
    }

    fn replays(&self) -> StoreFuture<'_, Vec<ReplayJob>> {
        self.later(|data, _| Ok(data.replays()))
    }

    fn cancel_replay(&self, job: JobId) -> StoreFuture<'_, ReplayJob> {
        self.later(move |data, at| data.cancel_replay(job, at))
    }

    fn purge(&self, purge: Purge) -> StoreFuture<'_, u64> {
        self.later(move |data, _| data.purge(&purge))
    }

    fn prune(&self, age: Duration, limit: usize) -> StoreFuture<'_, u64> {
        self.later(move |data, at| Ok(data.prune(age, limit, at)))
    }

    fn watch(&self, what: Watch) -> watch::Receiver<u64> {
        match what {
            Watch::Ready => self.0.ready.subscribe(),
            Watch::Ended => self.0.ended.subscribe(),
        }
    }

    fn check_health(&self) -> StoreFuture<'_, Vec<Check>> {
        self.later(|data, at| Ok(data.check_health(at)))
    }
}
