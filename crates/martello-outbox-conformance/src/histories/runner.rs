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
    operation::{EndSpec, EntrySpec, FilterSpec, Operation, Pick, Step},
    values::{HOSTS, TRACKED, change, hold, key, nth, queue, to},
};
use martello_outbox::{
    AttemptRecord, Cursor, EntryId, Filter, MemoryStore, NewEntry, Outcome, Purge, QueueStats, Store,
    StoreError, StoreErrorKind, WhenOvertaken, WhenPending,
    store::{Claimed, Clock, End, Lease, ManualClock, Settled, Settlement, Turn},
};

/// Runs the steps of a history on an engine and on the model.
pub(super) struct Runner<'a> {
    engine: &'a dyn Open,
    clock: ManualClock,
    stores: [Arc<dyn Store>; 2],
    model: MemoryStore,
    ids: Vec<EntryId>,
    leases: Vec<GivenLease>,
    jobs: Jobs,
}

/// A lease that was given, by the engine and by the model.
struct GivenLease {
    engine: Lease,
    model: Lease,
    number: u32,
    revision: u32,
    holds: u32,
    applied: bool,
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

    fn attempt(&self, number: u32, revision: u32, outcome: Outcome, status: u16) -> AttemptRecord {
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
    fn lease(&self, pick: Pick) -> Option<(usize, &GivenLease)> {
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

    async fn turn(&mut self, operation: &Operation, engine: &dyn Store) -> ScenarioResult {
        let Operation::Turn { queue: of, worker, settle, claim, cap, lease } = operation else {
            return Ok(());
        };
        let mut settled = Vec::new();
        let (mut engines, mut models) = (Vec::new(), Vec::new());
        for (pick, ending, holding) in settle {
            let Some((at, had)) = self.lease(*pick) else { continue };
            let (end, attempt) = self.end(*ending, had);
            let hold = hold(*holding, had.holds);
            let settlement = Settlement { lease: had.engine.clone(), end, attempt, hold };
            models.push(Settlement { lease: had.model.clone(), ..settlement.clone() });
            engines.push(settlement);
            settled.push(at);
        }
        let turn = |settle| Turn {
            queue: queue(*of),
            worker: super::super::fixture::worker(nth(&["one", "two"], *worker)),
            settle,
            claim: *claim,
            cap: *cap,
            lease_duration: *lease,
        };
        let (found, expected) = (engine.turn(turn(engines)).await?, self.model.turn(turn(models)).await?);
        same("the number of answers to settlements", found.settled.len(), settled.len())?;
        for (at, (found, expected)) in
            settled.into_iter().zip(found.settled.into_iter().zip(expected.settled))
        {
            self.answered(at, found, expected)?;
        }
        let died: Vec<_> = found.dead_letters.into_iter().map(|entry| self.jobs.entry(entry)).collect();
        same("turn: those that died", by_id(died), by_id(expected.dead_letters))?;
        same("turn: how many leases were lost", found.reclaimed_leases, expected.reclaimed_leases)?;
        self.claimed(found.claimed, expected.claimed)?;
        same("turn: when the next is", found.next, expected.next)
    }

    fn end(&self, ending: EndSpec, had: &GivenLease) -> (End, Option<AttemptRecord>) {
        let (end, outcome, status) = match ending {
            EndSpec::Done => (End::Done, Outcome::Success, 200),
            EndSpec::Again(wait, counts) => (End::Again { wait, counts }, Outcome::Unavailable, 503),
            EndSpec::Dead(reason) => (End::Dead(reason), Outcome::Rejected, 422),
            EndSpec::GiveBack => return (End::GiveBack, None),
        };
        (end, Some(self.attempt(had.number, had.revision, outcome, status)))
    }

    fn answered(&mut self, at: usize, found: Settled, expected: Settled) -> ScenarioResult {
        let Some(had) = self.leases.get_mut(at) else { return Ok(()) };
        // One that was applied, but was not the last to be: an engine that remembers more may say so.
        if !(had.applied && expected == Settled::Fenced) {
            same("turn: the answer to a settlement", found, expected)?;
        }
        had.applied |= expected == Settled::Applied;
        Ok(())
    }

    fn claimed(&mut self, found: Vec<Claimed>, expected: Vec<Claimed>) -> ScenarioResult {
        let ids = |claimed: &[Claimed]| claimed.iter().map(|claimed| claimed.entry.id).collect::<Vec<_>>();
        same("turn: what was claimed", ids(&found), ids(&expected))?;
        for (engine, model) in found.into_iter().zip(expected) {
            same("turn: a claimed entry", &self.jobs.entry(engine.entry), &model.entry)?;
            same("turn: a claimed request", engine.request, model.request)?;
            same(
                "turn: whether it is to show that the API is back",
                engine.holds_in_row,
                model.holds_in_row,
            )?;
            same("turn: the end of a lease", engine.until, model.until)?;
            same("turn: the entry of a lease", engine.lease.id, model.lease.id)?;
            same("turn: the worker of a lease", &engine.lease.worker, &model.lease.worker)?;
            let used = self
                .leases
                .iter()
                .any(|had| had.engine.id == engine.lease.id && had.engine.fence == engine.lease.fence);
            same("turn: whether a fence was used before", used, false)?;
            self.leases.push(GivenLease {
                engine: engine.lease,
                model: model.lease,
                number: model.entry.attempts,
                revision: model.entry.revision,
                holds: model.holds_in_row,
                applied: false,
            });
        }
        Ok(())
    }

    async fn heartbeat(&self, picks: &[Pick], time: Duration, engine: &dyn Store) -> ScenarioResult {
        let picked = picks.iter().filter_map(|pick| self.lease(*pick));
        let (engines, models) = picked.map(|(_, had)| (had.engine.clone(), had.model.clone())).unzip();
        alike("heartbeat", engine.heartbeat(engines, time).await, self.model.heartbeat(models, time).await)
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

fn by_id(mut entries: Vec<martello_outbox::Entry>) -> Vec<martello_outbox::Entry> {
    entries.sort_by_key(|entry| entry.id);
    entries
}

/// Whether two answers are the same; of errors, their kinds.
#[track_caller]
fn alike<T: Debug + PartialEq>(
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
