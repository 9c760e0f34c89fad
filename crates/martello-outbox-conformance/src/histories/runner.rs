use std::{fmt::Debug, sync::Arc, time::Duration};

use http::Uri;

use super::{
    super::{
        check::{fault, same},
        engine::Open,
        fixture::{entry, start},
        violation::{Fault, ScenarioResult},
    },
    jobs::Jobs,
    operation::{EntrySpec, FilterSpec, Operation, Pick, Step},
    values::{HOSTS, TRACKED, change, key, nth, queue, to},
};
use martello_outbox::{
    AttemptRecord, Cursor, EntryId, Filter, MemoryStore, NewEntry, Outcome, Purge, QueueStats, Store,
    StoreError, StoreErrorKind, WhenOvertaken, WhenPending,
    store::{Clock, Lease, ManualClock},
};

/// Runs the steps of a history on an engine and on the model.
pub(super) struct Runner<'a> {
    pub(super) engine: &'a dyn Open,
    pub(super) clock: ManualClock,
    pub(super) stores: [Arc<dyn Store>; 2],
    pub(super) model: MemoryStore,
    pub(super) ids: Vec<EntryId>,
    pub(super) leases: Vec<GivenLease>,
    pub(super) jobs: Jobs,
}

/// A lease that was given, by the engine and by the model.
pub(super) struct GivenLease {
    pub(super) engine: Lease,
    pub(super) model: Lease,
    pub(super) number: u32,
    pub(super) revision: u32,
    pub(super) holds: u32,
    pub(super) applied: bool,
}

impl<'a> Runner<'a> {
    pub(super) async fn new(engine: &'a dyn Open) -> Result<Self, Fault> {
        let clock = ManualClock::new(start());
        let model = MemoryStore::with_clock(Clock::Manual(clock.clone()));
        let open = || async { engine.store(Clock::Manual(clock.clone())).await.map_err(Fault::opening) };
        let stores = [open().await?, open().await?];
        Ok(Self { engine, clock, stores, model, ids: Vec::new(), leases: Vec::new(), jobs: Jobs::default() })
    }

    pub(super) async fn play(&mut self, steps: &[Step]) -> ScenarioResult {
        for step in steps {
            let [first, second] = &self.stores;
            let (acts, sees) = if step.second { (second, first) } else { (first, second) };
            let (acts, sees) = (Arc::clone(acts), Arc::clone(sees));
            self.take(step, acts).await?;
            self.compare(&*sees).await?;
        }
        Ok(())
    }

    async fn take(&mut self, step: &Step, engine: Arc<dyn Store>) -> ScenarioResult {
        let model = self.model.clone();
        match &step.operation {
            Operation::Pass(time) => {
                self.clock.advance(*time);
                Ok(())
            }
            Operation::Enqueue(entries) => {
                let entries: Vec<NewEntry> = entries.iter().map(|entry| self.make(entry)).collect();
                self.ids.extend(entries.iter().map(|entry| entry.id));
                alike("enqueue", engine.enqueue(entries.clone()).await, model.enqueue(entries).await)
            }
            Operation::Turn { .. } => self.turn(&step.operation, &*engine).await,
            Operation::Heartbeat(picks, time) => self.heartbeat(picks, *time, &*engine).await,
            Operation::Pause(of) => {
                let of = queue(*of);
                alike("pause", engine.pause(&of, "why").await, model.pause(&of, "why").await)
            }
            Operation::Overtake(of, number, overtaken) => {
                let Some(key) = key(*number) else { return Ok(()) };
                let of = queue(*of);
                let found = engine.overtake(&of, &key, *overtaken).await;
                alike("overtake", found, model.overtake(&of, &key, *overtaken).await)
            }
            Operation::Resume(of) => {
                let of = queue(*of);
                alike("resume", engine.resume(&of).await, model.resume(&of).await)
            }
            Operation::Change(pick, changing) => {
                let id = self.pick(*pick);
                let last = model.entry(id).await.ok().flatten().map_or(1, |entry| entry.revision);
                let change = change(*changing, last);
                let found = engine.change(id, change.clone()).await.map(|entry| self.jobs.entry(entry));
                alike("change", found, model.change(id, change).await)
            }
            Operation::Replay(filter, rate, overtaken) => {
                self.replay(filter, *rate, *overtaken, &*engine).await
            }
            Operation::CancelReplay(pick) => {
                let (of, model_of) = self.jobs.pick(*pick);
                let found = engine.cancel_replay(of).await.map(|job| self.jobs.replay(job));
                alike("cancel_replay", found, model.cancel_replay(model_of).await)
            }
            Operation::List(filter, limit) => self.list(&self.filters(filter), *limit, &*engine).await,
            Operation::Purge(filter) => {
                let (of, model_of) = self.filters(filter);
                let found = engine.purge(Purge::Matching(of)).await;
                alike("purge", found, model.purge(Purge::Matching(model_of)).await)
            }
            Operation::PurgeAll => {
                alike("purge", engine.purge(Purge::All).await, model.purge(Purge::All).await)
            }
            Operation::Prune(age, limit) => {
                alike("prune", engine.prune(*age, *limit).await, model.prune(*age, *limit).await)
            }
            Operation::Reopen => self.reopen(step.second, engine).await,
        }
    }

    async fn reopen(&mut self, second: bool, closed: Arc<dyn Store>) -> ScenarioResult {
        let clock = Clock::Manual(self.clock.clone());
        let [first, other] = &mut self.stores;
        let slot = if second { other } else { first };
        // The closed one is dropped before the new one is opened: only the other keeps the data in use.
        *slot = Arc::new(MemoryStore::new());
        drop(closed);
        *slot = self.engine.store(clock).await.map_err(Fault::opening)?;
        Ok(())
    }

    fn make(&self, new: &EntrySpec) -> NewEntry {
        let attempts = (1..)
            .zip(&new.attempts)
            .map(|(number, (outcome, status))| self.attempt(number, 1, *outcome, *status));
        let fresh = entry();
        NewEntry {
            id: new.again.filter(|_| !self.ids.is_empty()).map_or(fresh.id, |pick| self.pick(pick)),
            queue: queue(new.queue),
            request: to(new.host),
            order_key: new.key.and_then(key),
            when_pending: if new.supersede { WhenPending::Supersede } else { WhenPending::Wait },
            dedup_key: new.dedup.map(|dedup| format!("dedup-{dedup}").into()),
            delay: new.delay,
            expires_in: new.expires,
            max_attempts: new.max_attempts,
            repeatable: new.repeatable,
            attempts: attempts.collect(),
            dead: new.dead,
        }
    }

    pub(super) fn attempt(&self, number: u32, revision: u32, outcome: Outcome, status: u16) -> AttemptRecord {
        AttemptRecord {
            number,
            revision,
            started: self.clock.now(),
            duration: Duration::from_millis(u64::from(status)),
            outcome,
            status: http::StatusCode::from_u16(status).ok(),
            tracking_id: TRACKED.get(number as usize % 5).and_then(|id| id.parse().ok()),
            fault: (status == 503).then(|| "it is down".into()),
            worker: (status == 200).then(|| "worker-1".into()),
        }
    }

    /// One of the entries; before there are any, one that is not there.
    fn pick(&self, pick: Pick) -> EntryId {
        let nth = usize::from(pick) % self.ids.len().max(1);
        self.ids.get(nth).copied().unwrap_or_default()
    }

    /// One of the leases, counted from the last, and its place among them.
    pub(super) fn lease(&self, pick: Pick) -> Option<(usize, &GivenLease)> {
        let back = usize::from(pick) % self.leases.len().max(1);
        self.leases.iter().enumerate().nth_back(back)
    }

    /// The filter for the engine and for the model.
    fn filters(&self, filter: &FilterSpec) -> (Filter, Filter) {
        let job = filter.job.map(|pick| self.jobs.pick(pick));
        let of = |job| Filter {
            id: None,
            queue: filter.queue.map(queue),
            state: filter.state,
            reason: filter.reason,
            host: filter
                .host
                .and_then(|host| Uri::from_static(nth(&HOSTS, host)).host().map(str::to_uppercase)),
            status: filter.status,
            outcome: filter.outcome.map(|outcome| outcome.to_string()),
            tracking_id: filter.tracking.map(|tracked| nth(&TRACKED, tracked).to_owned()),
            order_key: filter.key.and_then(key),
            job,
            changed_since: filter.since.map(|ago| self.clock.now() - ago),
            changed_before: filter.before.map(|ago| self.clock.now() - ago),
        };
        (of(job.map(|(engine, _)| engine)), of(job.map(|(_, model)| model)))
    }

    async fn replay(
        &mut self,
        filter: &FilterSpec,
        rate: f64,
        overtaken: WhenOvertaken,
        engine: &dyn Store,
    ) -> ScenarioResult {
        let (of, model_of) = self.filters(filter);
        let found = engine.replay(of, rate, overtaken).await;
        let expected = self.model.replay(model_of, rate, overtaken).await;
        if let (Ok(found), Ok(expected)) = (&found, &expected) {
            self.jobs.add(found.id, expected.id);
        }
        alike("replay", found.map(|found| self.jobs.replay(found)), expected)
    }

    async fn list(&self, filters: &(Filter, Filter), limit: usize, engine: &dyn Store) -> ScenarioResult {
        let (filter, model_filter) = filters;
        let (mut after, mut model_after): (Option<Cursor>, Option<Cursor>) = (None, None);
        loop {
            let found = engine.list(filter.clone(), after, limit).await?;
            let expected = self.model.list(model_filter.clone(), model_after, limit).await?;
            let entries: Vec<_> = found.entries.into_iter().map(|entry| self.jobs.entry(entry)).collect();
            same("list: a page", entries, expected.entries)?;
            same("list: whether there is another page", found.next.is_some(), expected.next.is_some())?;
            (after, model_after) = (found.next, expected.next);
            if after.is_none() {
                break;
            }
        }
        alike("count", engine.count(filter.clone()).await, self.model.count(model_filter.clone()).await)
    }

    /// Compares all data that a caller can read.
    async fn compare(&self, engine: &dyn Store) -> ScenarioResult {
        for id in &self.ids {
            let found = engine.detail(*id).await?.map(|detail| self.jobs.detail(detail));
            same("detail", found, self.model.detail(*id).await?)?;
        }
        let jobs: Vec<_> = engine.replays().await?.into_iter().map(|job| self.jobs.replay(job)).collect();
        same("replays", jobs, self.model.replays().await?)?;
        same("queues", used(engine.queues().await?), used(self.model.queues().await?))?;
        for number in 0..3 {
            if let Some(key) = key(number) {
                let of = queue(number % 2);
                let expected = self.model.key_state(&of, &key).await;
                alike("key_state", engine.key_state(&of, &key).await, expected)?;
            }
        }
        self.list(&Default::default(), 1000, engine).await
    }
}

/// Leaves out queues without entries, pause and holds, which look as if they were never used.
fn used(queues: Vec<QueueStats>) -> Vec<QueueStats> {
    let idle = |stats: &QueueStats| {
        let count = stats.ready + stats.leased + stats.done + stats.dead + stats.cancelled;
        count == 0 && stats.paused.is_none() && stats.holds.is_empty()
    };
    queues.into_iter().filter(|stats| !idle(stats)).collect()
}

/// Whether two answers are the same; of errors, their kinds.
#[track_caller]
pub(super) fn alike<T: Debug + PartialEq>(
    what: &str,
    found: Result<T, StoreError>,
    expected: Result<T, StoreError>,
) -> ScenarioResult {
    let kind = |error: StoreError| -> StoreErrorKind { error.kind() };
    match (found, expected) {
        (Err(found), Ok(expected)) => {
            fault(format!("{what}: expected {expected:?}, found the error {:?}: {found}", found.kind()))
        }
        (found, expected) => same(what, found.map_err(kind), expected.map_err(kind)),
    }
}
