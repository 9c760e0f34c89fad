//! The clock and the stores of a scenario, and helpers for entries, turns and settlements.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;

use super::{
    BoxError,
    check::{fault, only},
    engine::Open,
    violation::Fault,
};
use martello_outbox::{
    AttemptRecord, Detail, Enqueued, Entry, EntryId, NewEntry, OrderKey, Outcome, QueueName, QueueStats,
    Reason, State, Store, StoredRequest,
    store::{
        Claimed, Clock, End, HoldChange, Lease, ManualClock, Settled, Settlement, Turn, Turned, WorkerId,
    },
};

/// A clock, and two stores on the same data that take turns.
pub(super) struct Fixture<'a> {
    pub(super) clock: ManualClock,
    pub(super) stores: [Arc<dyn Store>; 2],
    engine: &'a dyn Open,
    second: AtomicBool,
}

impl Fault {
    #[expect(clippy::needless_pass_by_value, reason = "what an error is mapped with")]
    pub(super) fn opening(error: BoxError) -> Self {
        let mut text = format!("the engine cannot be opened: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            text += &format!(": {cause}");
            source = cause.source();
        }
        Self(text)
    }
}

impl<'a> Fixture<'a> {
    pub(super) async fn new(engine: &'a dyn Open) -> Result<Self, Fault> {
        let clock = ManualClock::new(start());
        let open = || async { engine.store(Clock::Manual(clock.clone())).await.map_err(Fault::opening) };
        let stores = [open().await?, open().await?];
        Ok(Self { clock, stores, engine, second: AtomicBool::new(false) })
    }

    /// One more store on the data.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Fault> {
        self.engine.store(Clock::Manual(self.clock.clone())).await.map_err(Fault::opening)
    }

    /// Returns the two stores in turn, because together they must behave like one.
    pub(super) fn store(&self) -> &Arc<dyn Store> {
        let [first, second] = &self.stores;
        if self.second.fetch_xor(true, Ordering::Relaxed) { second } else { first }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(super) async fn put(&self, entry: NewEntry) -> Result<EntryId, Fault> {
        match only("answers to an entry", self.store().enqueue(vec![entry]).await?)? {
            Enqueued::Stored(id) => Ok(id),
            Enqueued::Duplicate(id) => fault(format!("a new entry was taken for a duplicate of {id}")),
        }
    }

    /// Stores this many entries that ask for nothing special.
    pub(super) async fn put_some(&self, many: usize) -> Result<Vec<EntryId>, Fault> {
        let mut ids = Vec::new();
        for _ in 0..many {
            ids.push(self.put(entry()).await?);
        }
        Ok(ids)
    }

    /// A dead letter.
    pub(super) async fn put_dead(&self, new: NewEntry) -> Result<EntryId, Fault> {
        self.put(NewEntry { dead: Some(Reason::Rejected), ..new }).await
    }

    pub(super) async fn turn(&self, turn: Turn) -> Result<Turned, Fault> {
        Ok(self.store().turn(turn).await?)
    }

    pub(super) async fn claim(&self, many: usize) -> Result<Vec<Claimed>, Fault> {
        Ok(self.turn(turn(many)).await?.claimed)
    }

    /// Claims the one entry there is to be claimed.
    pub(super) async fn claim_one(&self) -> Result<Claimed, Fault> {
        only("what could be claimed", self.claim(10).await?)
    }

    /// What is claimed now, which is given back.
    pub(super) async fn claimable(&self) -> Result<Vec<EntryId>, Fault> {
        let claimed = self.turn(Turn { cap: 1000, ..turn(1000) }).await?.claimed;
        let settle = claimed.iter().map(|claimed| settlement(claimed, End::GiveBack, self.now())).collect();
        self.turn(Turn { settle, ..turn(0) }).await?;
        Ok(claimed.iter().map(|claimed| claimed.entry.id).collect())
    }

    pub(super) async fn settle(&self, claimed: &Claimed, end: End) -> Result<Settled, Fault> {
        self.settle_with(claimed, end, HoldChange::Keep).await
    }

    /// Settles it, and does this to the hold of its authority.
    pub(super) async fn settle_with(
        &self,
        claimed: &Claimed,
        end: End,
        hold: HoldChange,
    ) -> Result<Settled, Fault> {
        let settle = vec![Settlement { hold, ..settlement(claimed, end, self.now()) }];
        only("answers to a settlement", self.turn(Turn { settle, ..turn(0) }).await?.settled)
    }

    /// Claims the first entry of the queue and gives it back, with its authority held for this long.
    pub(super) async fn hold(&self, queue: &QueueName, wait: Duration) -> Result<EntryId, Fault> {
        let claimed = self.turn(Turn { queue: queue.clone(), ..turn(1) }).await?.claimed;
        let claimed = only("what its authority could be held with", claimed)?;
        self.settle_with(&claimed, End::GiveBack, hold(claimed.holds_in_row, wait)).await?;
        Ok(claimed.entry.id)
    }

    /// Claims the one entry there is, and settles it.
    pub(super) async fn end(&self, end: End) -> Result<EntryId, Fault> {
        let claimed = self.claim_one().await?;
        match self.settle(&claimed, end).await? {
            Settled::Applied => Ok(claimed.entry.id),
            Settled::Fenced => fault("a lease that was just given was fenced"),
        }
    }

    pub(super) async fn entry(&self, id: EntryId) -> Result<Entry, Fault> {
        match self.store().entry(id).await? {
            Some(entry) => Ok(entry),
            None => fault(format!("there is no entry {id}")),
        }
    }

    pub(super) async fn detail(&self, id: EntryId) -> Result<Detail, Fault> {
        match self.store().detail(id).await? {
            Some(detail) => Ok(detail),
            None => fault(format!("there is nothing known of {id}")),
        }
    }

    pub(super) async fn state(&self, id: EntryId) -> Result<State, Fault> {
        Ok(self.entry(id).await?.state)
    }

    /// How the queue of this name stands.
    pub(super) async fn stats(&self, queue: &QueueName) -> Result<QueueStats, Fault> {
        let queues = self.store().queues().await?;
        match queues.into_iter().find(|stats| stats.queue == *queue) {
            Some(stats) => Ok(stats),
            None => fault(format!("the queue {queue} is not listed")),
        }
    }
}

/// When the manual clock starts.
pub(super) fn start() -> Timestamp {
    Timestamp::from_microsecond(1_780_000_000_123_456).unwrap_or_default()
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const MOMENT: Duration = Duration::from_micros(1);

pub(super) const LEASE: Duration = seconds(60);

pub(super) fn request() -> StoredRequest {
    StoredRequest {
        method: Method::PUT,
        uri: Uri::from_static("https://api.example/v1/plans/7?draft=1"),
        headers: HeaderMap::new(),
        body: r#"{"stops":3}"#.into(),
        sealed: false,
    }
}

/// An entry that may be repeated and asks for nothing special.
pub(super) fn entry() -> NewEntry {
    NewEntry { repeatable: true, ..NewEntry::new(QueueName::default(), request()) }
}

pub(super) fn keyed(key: &str) -> NewEntry {
    NewEntry { order_key: OrderKey::new(key).ok(), ..entry() }
}

pub(super) fn queue(name: &str) -> QueueName {
    QueueName::new(name).unwrap_or_default()
}

pub(super) fn worker(name: &str) -> WorkerId {
    WorkerId::new(name).unwrap_or_else(|_| unreachable!("the suite's workers have names"))
}

/// A turn at the default queue with a cap of five.
pub(super) fn turn(claim: usize) -> Turn {
    Turn {
        queue: QueueName::default(),
        worker: worker("worker-1"),
        settle: Vec::new(),
        claim,
        cap: 5,
        lease_duration: LEASE,
    }
}

/// A hold of this long after so many in a row, and why it is.
pub(super) fn hold(after: u32, wait: Duration) -> HoldChange {
    HoldChange::For { holds_in_row: after, wait, why: format!("held for {wait:?}").into() }
}

/// A settlement with an attempt that fits its end.
pub(super) fn settlement(claimed: &Claimed, end: End, now: Timestamp) -> Settlement {
    let (outcome, status) = match end {
        End::Done => (Outcome::Success, 204),
        End::Again { .. } => (Outcome::Unavailable, 503),
        End::Dead(_) => (Outcome::Rejected, 422),
        End::GiveBack => {
            return Settlement { lease: claimed.lease.clone(), end, attempt: None, hold: HoldChange::Keep };
        }
    };
    let attempt = attempt(claimed.entry.attempts, claimed, outcome, status, now);
    Settlement { lease: claimed.lease.clone(), end, attempt: Some(attempt), hold: HoldChange::Keep }
}

fn attempt(number: u32, claimed: &Claimed, outcome: Outcome, status: u16, now: Timestamp) -> AttemptRecord {
    AttemptRecord {
        number,
        revision: claimed.entry.revision,
        started: now,
        duration: Duration::from_millis(42),
        outcome,
        status: http::StatusCode::from_u16(status).ok(),
        tracking_id: None,
        fault: None,
        worker: Some(claimed.lease.worker.as_str().into()),
    }
}

pub(super) fn lease(claimed: &[Claimed]) -> Vec<Lease> {
    claimed.iter().map(|claimed| claimed.lease.clone()).collect()
}

pub(super) fn ids(claimed: &[Claimed]) -> Vec<EntryId> {
    claimed.iter().map(|claimed| claimed.entry.id).collect()
}
