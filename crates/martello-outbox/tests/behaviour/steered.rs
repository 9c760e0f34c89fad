//! A store in memory that fails, hangs or loses its results on demand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use martello_outbox::{store::*, *};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    Enqueue,
    KeyState,
    Overtake,
    Turn,
    Heartbeat,
    Prune,
    Detail,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// Does nothing and says so.
    Fail(StoreErrorKind),
    /// Never answers, and does nothing.
    Hang,
    /// Does it, and answers later.
    Late(Duration),
    /// Runs the operation, and returns that its result is unknown.
    Lost,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Steered {
    store: MemoryStore,
    shared: Arc<Mutex<Shared>>,
    /// Whether it never says that there is something new.
    deaf: bool,
}

#[derive(Debug, Default)]
struct Shared {
    faults: HashMap<Op, Fault>,
    calls: HashMap<Op, usize>,
    holds: usize,
    /// How long the leases really last that are renewed.
    renewed_for: Option<Duration>,
    /// What a turn says of the next, whatever is true.
    next: Option<Duration>,
}

impl Steered {
    pub(crate) fn over(store: MemoryStore) -> Self {
        Self { store, ..Self::default() }
    }

    pub(crate) fn deaf(store: MemoryStore) -> Self {
        Self { store, deaf: true, ..Self::default() }
    }

    pub(crate) fn set(&self, op: Op, fault: Fault) {
        self.shared.lock().unwrap().faults.insert(op, fault);
    }

    pub(crate) fn heal(&self, op: Op) {
        self.shared.lock().unwrap().faults.remove(&op);
    }

    /// Lets the leases that are renewed last for this long, whatever is asked for.
    pub(crate) fn renew_for(&self, time: Duration) {
        self.shared.lock().unwrap().renewed_for = Some(time);
    }

    /// Says after each turn that the next may find something after this long.
    pub(crate) fn always_next(&self, next: Duration) {
        self.shared.lock().unwrap().next = Some(next);
    }

    /// How often it was asked for this.
    pub(crate) fn calls(&self, op: Op) -> usize {
        self.shared.lock().unwrap().calls.get(&op).copied().unwrap_or_default()
    }

    /// How often it was asked to hold an authority.
    pub(crate) fn holds(&self) -> usize {
        self.shared.lock().unwrap().holds
    }

    fn steer<'a, T: Send + 'a>(&self, op: Op, operation: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        let mut shared = self.shared.lock().unwrap();
        *shared.calls.entry(op).or_default() += 1;
        let fault = shared.faults.get(&op).copied();
        let error = |kind| StoreError::new(kind, "the store is being tested");
        Box::pin(async move {
            match fault {
                None => operation.await,
                Some(Fault::Fail(kind)) => Err(error(kind)),
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Late(by)) => {
                    let result = operation.await;
                    tokio::time::sleep(by).await;
                    result
                }
                Some(Fault::Lost) => operation.await.and_then(|_| Err(error(StoreErrorKind::Unavailable))),
            }
        })
    }
}

macro_rules! pass {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> StoreFuture<'_, $result> {
            self.store.$name($($argument),*)
        })*
    };
}

impl Store for Steered {
    fn enqueue(&self, entries: Vec<NewEntry>) -> StoreFuture<'_, Vec<Enqueued>> {
        self.steer(Op::Enqueue, self.store.enqueue(entries))
    }

    fn key_state<'a>(&'a self, queue: &'a QueueName, key: &'a OrderKey) -> StoreFuture<'a, KeyState> {
        self.steer(Op::KeyState, self.store.key_state(queue, key))
    }

    fn overtake<'a>(
        &'a self,
        queue: &'a QueueName,
        key: &'a OrderKey,
        overtaken: Overtaken,
    ) -> StoreFuture<'a, u64> {
        self.steer(Op::Overtake, self.store.overtake(queue, key, overtaken))
    }

    fn turn(&self, turn: Turn) -> StoreFuture<'_, Turned> {
        let holds = turn.settle.iter().filter(|settlement| matches!(settlement.hold, HoldChange::For { .. }));
        let next = {
            let mut shared = self.shared.lock().unwrap();
            shared.holds += holds.count();
            shared.next
        };
        let turned = self.store.turn(turn);
        let turned = Box::pin(async move {
            let turned = turned.await?;
            Ok(Turned { next: next.or(turned.next), ..turned })
        });
        self.steer(Op::Turn, turned)
    }

    fn heartbeat(&self, leases: Vec<Lease>, lease_duration: Duration) -> StoreFuture<'_, Vec<bool>> {
        let lease_duration = self.shared.lock().unwrap().renewed_for.unwrap_or(lease_duration);
        self.steer(Op::Heartbeat, self.store.heartbeat(leases, lease_duration))
    }

    fn pause<'a>(&'a self, queue: &'a QueueName, why: &'a str) -> StoreFuture<'a, ()> {
        self.store.pause(queue, why)
    }

    fn resume<'a>(&'a self, queue: &'a QueueName) -> StoreFuture<'a, ()> {
        self.store.resume(queue)
    }

    fn prune(&self, age: Duration, limit: usize) -> StoreFuture<'_, u64> {
        self.steer(Op::Prune, self.store.prune(age, limit))
    }

    fn detail(&self, id: EntryId) -> StoreFuture<'_, Option<Detail>> {
        self.steer(Op::Detail, self.store.detail(id))
    }

    fn watch(&self, what: Watch) -> watch::Receiver<u64> {
        if self.deaf { watch::channel(0).1 } else { self.store.watch(what) }
    }

    pass! {
        queues() -> Vec<QueueStats>;
        entry(id: EntryId) -> Option<Entry>;
        list(filter: Filter, after: Option<Cursor>, limit: usize) -> Page;
        count(filter: Filter) -> u64;
        change(id: EntryId, change: Change) -> Entry;
        replay(filter: Filter, per_second: f64, overtaken: WhenOvertaken) -> ReplayJob;
        replays() -> Vec<ReplayJob>;
        cancel_replay(job: JobId) -> ReplayJob;
        purge(purge: Purge) -> u64;
        check_health() -> Vec<Check>;
    }
}
