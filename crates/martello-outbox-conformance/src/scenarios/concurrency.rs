use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::task::JoinSet;

use super::super::{
    check::{fault, same},
    fixture::{Fixture, entry, keyed, request, settlement, turn, worker},
    violation::{Fault, ScenarioResult},
};
use martello_outbox::{
    Change, Enqueued, EntryId, Filter, NewEntry, OrderKey, State, Store, StoreErrorKind,
    store::{Claimed, End, Settled, Turn},
};

const CAP: usize = 5;
const WORKERS: usize = 8;
const KEYS: usize = 12;
const OF_EACH_KEY: usize = 4;

async fn four(fixture: &Fixture<'_>) -> Result<[Arc<dyn Store>; 4], Fault> {
    let [first, second] = fixture.stores.clone();
    Ok([first, second, fixture.open().await?, fixture.open().await?])
}

async fn all(mut tasks: JoinSet<ScenarioResult>) -> ScenarioResult {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(played) => played?,
            Err(error) => return fault(format!("the engine panicked: {error}")),
        }
    }
    Ok(())
}

/// What all workers have at one time.
#[derive(Default)]
struct Ledger {
    held: HashSet<EntryId>,
    keys: HashSet<OrderKey>,
    done: HashMap<OrderKey, Vec<EntryId>>,
}

impl Ledger {
    fn take(&mut self, claimed: &Claimed) -> ScenarioResult {
        let (id, key) = (claimed.entry.id, &claimed.entry.order_key);
        if !self.held.insert(id) {
            return fault(format!("{id} was leased to two workers at once"));
        }
        if key.as_ref().is_some_and(|key| !self.keys.insert(key.clone())) {
            return fault(format!("two entries of the key {key:?} were leased at once"));
        }
        if self.held.len() > CAP {
            return fault(format!("{} were leased at once, with a cap of {CAP}", self.held.len()));
        }
        Ok(())
    }

    fn give(&mut self, claimed: &Claimed, end: End) {
        self.held.remove(&claimed.entry.id);
        if let Some(key) = &claimed.entry.order_key {
            self.keys.remove(key);
            if end == End::Done {
                self.done.entry(key.clone()).or_default().push(claimed.entry.id);
            }
        }
    }
}

async fn work(
    name: usize,
    fixture: (Arc<dyn Store>, jiff::Timestamp),
    ledger: Arc<Mutex<Ledger>>,
) -> ScenarioResult {
    let (store, now) = fixture;
    let lock = || ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let mut settle = Vec::new();
    // So many turns suffice many times over.
    for round in 0..20_000_usize {
        let answers = settle.len();
        let name = worker(&format!("worker-{name}"));
        let turned = store.turn(Turn { settle, worker: name, cap: CAP, ..turn(1 + round % 3) }).await?;
        same("the answers to who held the leases", turned.settled, vec![Settled::Applied; answers])?;
        for claimed in &turned.claimed {
            lock().take(claimed)?;
        }
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        let end = |nth: usize| match (round + nth) % 4 {
            0 => End::GiveBack,
            1 => End::Again { wait: std::time::Duration::ZERO, counts: false },
            _ => End::Done,
        };
        settle = Vec::new();
        for (nth, claimed) in turned.claimed.iter().enumerate() {
            lock().give(claimed, end(nth));
            settle.push(settlement(claimed, end(nth), now));
        }
        if settle.is_empty() {
            if lock().done.values().map(Vec::len).sum::<usize>() == KEYS * OF_EACH_KEY {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }
    fault("after 20,000 turns not everything was delivered")
}

pub(crate) async fn concurrent_workers_keep_the_cap_and_the_order(fixture: &Fixture<'_>) -> ScenarioResult {
    let mut expected: HashMap<OrderKey, Vec<EntryId>> = HashMap::new();
    let mut entries = Vec::new();
    for _ in 0..OF_EACH_KEY {
        for key in 0..KEYS {
            let entry = keyed(&format!("key {key}"));
            expected
                .entry(entry.order_key.clone().unwrap_or_else(|| unreachable!("keyed")))
                .or_default()
                .push(entry.id);
            entries.push(entry);
        }
    }
    fixture.store().enqueue(entries).await?;
    let (stores, ledger) = (four(fixture).await?, Arc::default());
    let mut tasks = JoinSet::new();
    for (name, store) in (0..WORKERS).zip(stores.iter().cycle()) {
        tasks.spawn(work(name, (store.clone(), fixture.now()), Arc::clone(&ledger)));
    }
    all(tasks).await?;
    let done = std::mem::take(&mut ledger.lock().unwrap_or_else(PoisonError::into_inner).done);
    same("what was delivered of each key, in its order", done, expected)?;
    same(
        "what is done",
        fixture.store().count(Filter::state(State::Done)).await?,
        (KEYS * OF_EACH_KEY) as u64,
    )
}

pub(crate) async fn concurrent_enqueues_store_every_entry(fixture: &Fixture<'_>) -> ScenarioResult {
    let stores = four(fixture).await?;
    let mut tasks = JoinSet::new();
    let mut batches = Vec::new();
    for store in stores.iter().cycle().take(12) {
        let entries: Vec<_> = (0..10).map(|_| entry()).collect();
        let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        batches.push(ids.clone());
        let store = store.clone();
        tasks.spawn(async move {
            let stored: Vec<_> = ids.into_iter().map(Enqueued::Stored).collect();
            same("the answers", store.enqueue(entries).await?, stored)
        });
    }
    all(tasks).await?;
    let mut listed = fixture.store().list(Filter::default(), None, 1000).await?.entries;
    listed.reverse();
    same("how many are stored", listed.len(), 120)?;
    for batch in batches {
        let found: Vec<_> = listed.iter().map(|entry| entry.id).filter(|id| batch.contains(id)).collect();
        same("a batch, in its order", found, batch)?;
    }
    Ok(())
}

pub(crate) async fn concurrent_enqueues_store_a_dedup_key_once(fixture: &Fixture<'_>) -> ScenarioResult {
    let stores = four(fixture).await?;
    for round in 0..5 {
        let mut tasks = JoinSet::new();
        for store in stores.iter().cycle().take(8) {
            let (store, entry) =
                (store.clone(), NewEntry { dedup_key: Some(format!("{round}").into()), ..entry() });
            tasks.spawn(async move { Ok::<_, Fault>(store.enqueue(vec![entry]).await?) });
        }
        let mut answers = Vec::new();
        for ended in tasks.join_all().await {
            answers.extend(ended?);
        }
        let stored: Vec<_> = answers.iter().filter(|answer| matches!(answer, Enqueued::Stored(_))).collect();
        same("how many were stored", stored.len(), 1)?;
        let ids: HashSet<_> = answers.iter().map(|answer| answer.id()).collect();
        same("the entries that stand for them", ids.len(), 1)?;
    }
    same("what is stored", fixture.store().count(Filter::default()).await?, 5)
}

pub(crate) async fn one_of_many_concurrent_edits_of_a_revision_succeeds(
    fixture: &Fixture<'_>,
) -> ScenarioResult {
    let id = fixture.put_dead(entry()).await?;
    let made = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for store in four(fixture).await?.iter().cycle().take(WORKERS) {
        let (store, made) = (Arc::clone(store), Arc::clone(&made));
        tasks.spawn(async move {
            match store.change(id, Change::Edit { on: 1, request: Box::new(request()) }).await {
                Ok(_) => made.fetch_add(1, Ordering::Relaxed),
                Err(error) if error.kind() == StoreErrorKind::Conflict => 0,
                Err(error) => return Err(error.into()),
            };
            Ok(())
        });
    }
    all(tasks).await?;
    same("the edits that were made", made.load(Ordering::Relaxed), 1)?;
    same("the last revision", fixture.entry(id).await?.revision, 2)
}
