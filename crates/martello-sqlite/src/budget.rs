//! A million entries of an API that is down cost a claim of others next to nothing, in steps of SQLite's machine: those do not
//! depend on how busy this one is.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use martello_outbox::{
    Claimed, Clock, End, Hold, ManualClock, NewEntry, QueueName, Settlement, Store, StoredRequest, Turn,
    WorkerId,
};
use rusqlite::{
    Connection, StatementStatus,
    trace::{TraceEvent, TraceEventCodes},
};

use crate::{
    SqliteStore,
    engine::{Engine, Options},
    open::Place,
};

/// How many steps each statement has taken until now.
static STEPS: Mutex<BTreeMap<String, i32>> = Mutex::new(BTreeMap::new());

fn note(event: TraceEvent<'_>) {
    if let TraceEvent::Profile(statement, _) = event {
        let mut steps = STEPS.lock().unwrap_or_else(PoisonError::into_inner);
        steps.insert(statement.sql().into_owned(), statement.get_status(StatementStatus::VmStep));
    }
}

fn steps() -> i32 {
    STEPS.lock().unwrap().values().sum()
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
    let turn = Turn { queue: QueueName::default(), worker, settle, claim, cap: 50, lease: HOLD };
    store.turn(turn).await.unwrap().claimed
}

fn settled(claimed: &[Claimed], end: End, hold: &Hold) -> Vec<Settlement> {
    let one = |one: &Claimed| Settlement { lease: one.lease.clone(), end, attempt: None, hold: hold.clone() };
    claimed.iter().map(one).collect()
}

/// So many entries of an API, all due; and it is held.
async fn fill(store: &SqliteStore, many: usize) {
    for _ in 0..many.div_ceil(2_000) {
        store.enqueue((0..2_000).map(|_| entry("down.example")).collect()).await.unwrap();
    }
    let claimed = turn(store, 1, Vec::new()).await;
    let hold = Hold::For { wait: HOLD, why: "it is down".into() };
    turn(store, 0, settled(&claimed, End::GiveBack, &hold)).await;
}

/// In how many steps, and in how much time at best, five entries of another API are claimed where so many are held; and how it
/// is found out that there are no more.
async fn claims(held: usize, rounds: usize) -> [(i32, Duration); 2] {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox.db");
    let clock = Clock::Manual(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let place =
        Place { path: path.clone(), create: true, busy_timeout: Duration::from_secs(10), max_size: None };
    let engine = Engine::open(Options { place, clock, most: 1, waiting: 1, readers: 1 }).await.unwrap();
    let watch = |connection: &Connection| {
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(note));
        Ok(())
    };
    engine.write(move |tx| watch(tx)).await.unwrap();
    let store = SqliteStore::new(engine, &path);
    if held > 0 {
        fill(&store, held).await;
    }
    let mut best = [(i32::MAX, Duration::MAX); 2];
    for _ in 0..rounds {
        store.enqueue((0..CLAIM).map(|_| entry("up.example")).collect()).await.unwrap();
        for (best, found) in best.iter_mut().zip([CLAIM, 0]) {
            let (before, start) = (steps(), Instant::now());
            let claimed = turn(&store, CLAIM, Vec::new()).await;
            *best = (best.0.min(steps() - before), best.1.min(start.elapsed()));
            assert_eq!(claimed.len(), found);
            turn(&store, 0, settled(&claimed, End::Done, &Hold::Keep)).await;
        }
    }
    store.close().await;
    STEPS.lock().unwrap().clear();
    best
}

/// One at a time: the steps of all are counted together.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test]
async fn what_is_held_costs_a_claim_of_others_next_to_nothing() {
    let _alone = ALONE.lock().await;
    let (empty, held) = (claims(0, 3).await, claims(20_000, 3).await);
    for (empty, held) in empty.iter().zip(held) {
        assert!(held.0 <= 2 * empty.0, "{held:?} in place of {empty:?}");
    }
}

#[tokio::test]
#[ignore = "it stores a million entries"]
#[expect(clippy::print_stdout, reason = "it measures")]
async fn a_million_that_are_held_cost_a_claim_of_others_no_more_than_as_much_again() {
    let _alone = ALONE.lock().await;
    let (empty, held) = (claims(0, 200).await, claims(1_000_000, 200).await);
    println!("steps and time: {empty:?} in an empty store, {held:?} beside a million");
    for (empty, held) in empty.iter().zip(held) {
        assert!(held.0 <= 2 * empty.0 && held.1 <= 2 * empty.1, "{held:?} in place of {empty:?}");
    }
}
