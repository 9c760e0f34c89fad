//! Operations whose cost must not grow with the number of entries. The cost is counted in steps of SQLite's
//! virtual machine, which do not depend on the load of this machine.

use std::{
    sync::{Mutex, PoisonError},
    thread::{self, ThreadId},
    time::Duration,
};

use martello_outbox::{
    NewEntry, QueueName, Store, StoredRequest,
    store::{Claimed, Clock, End, HoldChange, ManualClock, Settlement, Turn, WorkerId},
};
use martello_poll::{Acquired, Checkpoint, CheckpointStore, NewParked, Save, Saved};
use rusqlite::{
    Connection, StatementStatus,
    trace::{TraceEvent, TraceEventCodes},
};

use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    SqliteStore,
    engine::{Engine, Options},
    open::DatabasePath,
};

/// The steps of each statement of each store so far. A store is identified by its writer thread.
static STEPS: Mutex<Vec<(ThreadId, String, i32)>> = Mutex::new(Vec::new());

fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Profile(statement, _) = event {
        let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
        let (store, sql) = (thread::current().id(), statement.sql());
        let taken = statement.get_status(StatementStatus::VmStep);
        match steps.iter_mut().find(|(of, text, _)| *of == store && *text == sql) {
            Some((_, _, so_far)) => *so_far = taken,
            None => steps.push((store, sql.into_owned(), taken)),
        }
    }
}

fn steps() -> i32 {
    STEPS.lock().unwrap().iter().map(|(_, _, steps)| steps).sum()
}

const HOLD: Duration = Duration::from_secs(60);
const CLAIM: usize = 5;

fn entry(host: &str) -> NewEntry {
    let request = StoredRequest {
        method: http::Method::PUT,
        uri: format!("https://{host}/plans/7").parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: "{}".into(),
        sealed: false,
    };
    NewEntry::new(QueueName::default(), request)
}

async fn turn(store: &SqliteStore, claim: usize, settle: Vec<Settlement>) -> Vec<Claimed> {
    let worker = WorkerId::new("worker").unwrap();
    let turn = Turn { queue: QueueName::default(), worker, settle, claim, cap: 50, lease_duration: HOLD };
    store.turn(turn).await.unwrap().claimed
}

fn settled(claimed: &[Claimed], end: End, hold: &HoldChange) -> Vec<Settlement> {
    let one = |one: &Claimed| Settlement { lease: one.lease.clone(), end, attempt: None, hold: hold.clone() };
    claimed.iter().map(one).collect()
}

/// Stores this many due entries of one API, and holds the API.
async fn fill(store: &SqliteStore, many: usize) {
    for filled in (0..many).step_by(2_000) {
        let more = filled..many.min(filled + 2_000);
        store.enqueue(more.map(|_| entry("down.example")).collect()).await.unwrap();
    }
    let claimed = turn(store, 1, Vec::new()).await;
    let hold = HoldChange::For { holds_in_row: 0, wait: HOLD, why: "it is down".into() };
    turn(store, 0, settled(&claimed, End::GiveBack, &hold)).await;
}

/// A store that records its steps, in a temporary directory.
async fn store() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox.db");
    let clock = Clock::Manual(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let database = DatabasePath {
        path: path.clone(),
        create: true,
        busy_timeout: Duration::from_secs(10),
        max_size: None,
    };
    let engine = Engine::open(Options { database, clock, most: 1, waiting: 1, readers: 1 }).await.unwrap();
    let watch = |connection: &Connection| {
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(note));
        Ok(())
    };
    engine.write(move |tx| watch(tx)).await.unwrap();
    (directory, SqliteStore::new(engine, &path))
}

/// The fewest steps and the shortest time of a claim of five entries, and of a claim that finds none: first
/// in a store without held entries, then in one with this many. The rounds alternate between the stores,
/// because the load of the machine varies.
async fn claims(held: usize, rounds: usize) -> [[(i32, Duration); 2]; 2] {
    let ((_empty, empty), (_full, full)) = (store().await, store().await);
    fill(&full, held).await;
    let mut best = [[(i32::MAX, Duration::MAX); 2]; 2];
    for _ in 0..rounds {
        for (best, store) in best.iter_mut().zip([&empty, &full]) {
            store.enqueue((0..CLAIM).map(|_| entry("up.example")).collect()).await.unwrap();
            for (best, found) in best.iter_mut().zip([CLAIM, 0]) {
                let (before, start) = (steps(), Instant::now());
                let claimed = turn(store, CLAIM, Vec::new()).await;
                *best = (best.0.min(steps() - before), best.1.min(start.elapsed()));
                assert_eq!(claimed.len(), found);
                turn(store, 0, settled(&claimed, End::Done, &HoldChange::Keep)).await;
            }
        }
    }
    best
}

/// Runs one test at a time, because the steps of all stores are summed.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn held_entries_add_almost_no_cost_to_claims_of_other_apis() {
    let _alone = ALONE.lock().await;
    let [empty, held] = claims(20_000, 3).await;
    for (empty, held) in empty.iter().zip(held) {
        assert!(held.0 <= 2 * empty.0, "{held:?} in place of {empty:?}");
    }
}

/// The steps of a claim from this many APIs, where another API is held.
async fn claims_of(apis: usize) -> i32 {
    let (_directory, store) = store().await;
    fill(&store, 100).await;
    store.enqueue((0..apis).map(|nth| entry(&format!("{nth}.example"))).collect()).await.unwrap();
    let before = steps();
    assert_eq!(turn(&store, CLAIM, Vec::new()).await.len(), CLAIM);
    steps() - before
}

#[tokio::test]
async fn a_hold_of_one_api_does_not_make_claims_visit_all_apis() {
    let _alone = ALONE.lock().await;
    let (many, more) = (claims_of(200).await, claims_of(2_000).await);
    assert!(more <= 2 * many, "{more} in place of {many}");
}

/// The steps of parking an item without a key, where this many items of its size are parked.
async fn parks(parked: usize) -> i32 {
    let (_directory, store) = store().await;
    let checkpoint = store.checkpoint("plannings").unwrap();
    let Acquired::Held(held) = checkpoint.acquire(HOLD).await.unwrap() else {
        unreachable!("the checkpoint is free")
    };
    let item = |nth: usize| NewParked {
        key: String::new(),
        stamp: None,
        position: martello_poll::ItemPosition { page: 0, item: 0 },
        json: format!("{nth:08}"),
        reason: "it has no key".to_owned(),
        parked_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let checkpoint_of =
        || Checkpoint { source: "s".to_owned(), start: None, watermark: None, delivered: Vec::new() };
    let save = async |park| {
        let save = Save { checkpoint: checkpoint_of(), park, unpark: Vec::new() };
        assert_eq!(checkpoint.save(held.fence, save).await.unwrap(), Saved::Saved);
    };
    save((0..parked).map(item).collect()).await;
    // The cost of summing the sizes grows with their number.
    let adding = |sql: &str| sql.contains("sum(size)");
    let steps = || {
        STEPS
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, sql, _)| !adding(sql))
            .map(|(_, _, steps)| steps)
            .sum::<i32>()
    };
    let before = steps();
    save(vec![item(parked)]).await;
    steps() - before
}

#[tokio::test]
async fn a_parked_item_is_not_compared_with_all_items_of_its_size() {
    let _alone = ALONE.lock().await;
    let (few, many) = (parks(1).await, parks(1_000).await);
    assert!(many <= 2 * few, "{many} in place of {few}");
}

#[tokio::test]
#[ignore = "it stores a million entries"]
#[expect(clippy::print_stdout, reason = "it measures")]
async fn a_million_held_entries_at_most_double_the_cost_of_claims() {
    let _alone = ALONE.lock().await;
    let [empty, held] = claims(1_000_000, 200).await;
    println!("steps and time: {empty:?} in an empty store, {held:?} beside a million");
    for (empty, held) in empty.iter().zip(held) {
        assert!(held.0 <= 2 * empty.0 && held.1 <= 2 * empty.1, "{held:?} in place of {empty:?}");
    }
}
