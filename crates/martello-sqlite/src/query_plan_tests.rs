//! The statements of the outbox's daily work use an index and sort nothing, however many entries there are.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use martello_outbox::{
    Change, Enqueued, EntryId, Filter, NewEntry, OrderKey, Overtaken, QueueName, Reason, State, Store,
    StoredRequest, WhenOvertaken, WhenPending,
    store::{Clock, End, HoldChange, ManualClock, Settlement, Turn, WorkerId},
};
use rusqlite::{
    Connection, StatementStatus,
    trace::{TraceEvent, TraceEventCodes},
};

use crate::{
    SqliteStore,
    engine::{Engine, Options},
    open::DatabasePath,
};

/// The statements that ran.
static RUN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The statements that were prepared more than once.
static PREPARED_AGAIN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn remember(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(statement, _) = event {
        let note = |seen: &Mutex<BTreeSet<String>>| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).insert(statement.sql().into_owned());
        };
        note(&RUN);
        if statement.get_status(StatementStatus::RePrepare) > 0 {
            note(&PREPARED_AGAIN);
        }
    }
}

const LEASE: Duration = Duration::from_secs(60);
const REFUSE: WhenOvertaken = WhenOvertaken::Refuse;

fn entry(key: &str) -> NewEntry {
    let request = StoredRequest {
        method: http::Method::PUT,
        uri: http::Uri::from_static("https://api.example/plans/7"),
        headers: http::HeaderMap::new(),
        body: "{}".into(),
        sealed: false,
    };
    let mut entry = NewEntry::new(QueueName::default(), request);
    entry.order_key = OrderKey::new(key).ok();
    entry.repeatable = true;
    entry
}

fn turn(claim: usize, settle: Vec<Settlement>) -> Turn {
    let worker = WorkerId::new("worker").unwrap();
    Turn { queue: QueueName::default(), worker, settle, claim, cap: 50, lease_duration: LEASE }
}

/// What an outbox and its worker do every day.
async fn work(store: &SqliteStore, clock: &ManualClock) -> Vec<EntryId> {
    for (key, when_pending) in
        [("a", WhenPending::Wait), ("a", WhenPending::Supersede), ("b", WhenPending::Wait)]
    {
        let mut entry = entry(key);
        entry.when_pending = when_pending;
        entry.dedup_key = Some(entry.id.to_string().into());
        store.enqueue(vec![entry]).await.unwrap();
    }
    let more = |n| entry(&format!("key {n}"));
    let ids: Vec<_> = store.enqueue((0..20).map(more).collect()).await.unwrap();
    let ends = [
        End::Done,
        End::Again { wait: Duration::ZERO, counts: true },
        End::GiveBack,
        End::Dead(Reason::Rejected),
    ];
    let claimed = store.turn(turn(8, Vec::new())).await.unwrap().claimed;
    let settle = claimed.iter().zip(ends.iter().cycle());
    let hold = |after| HoldChange::For { holds_in_row: after, wait: LEASE, why: "to see".into() };
    let holds = [HoldChange::Keep, hold(0), HoldChange::End];
    let settle = settle.zip(holds.iter().cycle()).map(|((claimed, end), hold)| Settlement {
        lease: claimed.lease.clone(),
        end: *end,
        attempt: None,
        hold: hold.clone(),
    });
    let settle: Vec<_> = settle.collect();
    // The second turn repeats settlements that are applied already.
    store.turn(turn(0, settle.clone())).await.unwrap();
    store.turn(turn(4, settle)).await.unwrap();
    // The hold is over, and a probe is claimed. The first probe fails, a later one succeeds.
    clock.advance(LEASE);
    let lease = store.turn(turn(4, Vec::new())).await.unwrap().claimed.remove(0).lease;
    let again = Settlement { lease, end: End::GiveBack, attempt: None, hold: hold(1) };
    assert_eq!(store.turn(turn(4, vec![again])).await.unwrap().claimed.len(), 0);
    clock.advance(LEASE);
    let claimed = store.turn(turn(4, Vec::new())).await.unwrap().claimed;
    assert_eq!(claimed.len(), 1);
    store.heartbeat(claimed.iter().map(|claimed| claimed.lease.clone()).collect(), LEASE).await.unwrap();
    clock.advance(LEASE);
    store.turn(turn(0, Vec::new())).await.unwrap();
    let queue = QueueName::default();
    let key = OrderKey::new("b").unwrap();
    store.key_state(&queue, &key).await.unwrap();
    store.overtake(&queue, &key, Overtaken::Possibly).await.unwrap();
    ids.into_iter().map(Enqueued::id).collect()
}

/// What operators do.
async fn look_after(store: &SqliteStore, clock: &ManualClock, ids: &[EntryId]) {
    for (id, change) in [(ids[19], Change::DeadLetter), (ids[18], Change::Cancel)] {
        store.change(id, change).await.unwrap();
    }
    let dead = ids[19];
    let edit = Change::Edit { on: 1, request: Box::new(entry("").request) };
    for change in [Change::Protect, edit, Change::Unprotect, Change::Replay(REFUSE)] {
        store.change(dead, change).await.unwrap();
    }
    store.change(dead, Change::DeadLetter).await.unwrap();
    let queue = QueueName::default();
    store.pause(&queue, "to see").await.unwrap();
    store.resume(&queue).await.unwrap();
    store.queues().await.unwrap();
    store.entry(dead).await.unwrap();
    store.detail(dead).await.unwrap();
    for overtaken in [REFUSE, WhenOvertaken::Overwrite] {
        let filter = Filter { host: Some("api.example".into()), ..dead_letters() };
        let job = store.replay(filter, 1.0, overtaken).await.unwrap();
        store.cancel_replay(job.id).await.unwrap();
    }
    clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
    store.turn(turn(0, Vec::new())).await.unwrap();
    store.prune(Duration::ZERO, 10).await.unwrap();
}

fn dead_letters() -> Filter {
    Filter::state(State::Dead)
}

/// The searches for dead letters.
async fn search(store: &SqliteStore) {
    let of = dead_letters;
    for filter in [
        of(),
        Filter { queue: Some(QueueName::default()), ..of() },
        Filter { reason: Some(Reason::Expired), ..of() },
        Filter { host: Some("api.example".into()), ..of() },
        Filter { status: Some(422), ..of() },
        Filter { host: Some("api.example".into()), status: Some(422), ..of() },
        Filter { outcome: Some("rejected".into()), ..of() },
        Filter { tracking_id: Some("t".into()), ..of() },
    ] {
        let page = store.list(filter.clone(), None, 1).await.unwrap();
        store.list(filter.clone(), page.next, 1).await.unwrap();
        store.count(filter).await.unwrap();
    }
}

/// SQLite's query plan, step by step.
fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let unbound = rusqlite::params_from_iter(vec![rusqlite::types::Null; statement.parameter_count()]);
    let steps = statement.query_map(unbound, |row| row.get(3)).unwrap();
    steps.map(Result::unwrap).collect()
}

/// Scans of queues, holds and replays are allowed, because there are few of them.
fn is_slow(step: &str) -> bool {
    let scans = step.contains("SCAN")
        && !["SCAN queue", "SCAN hold", "SCAN replay", "SCAN CONSTANT ROW"].contains(&step);
    scans || step.contains("TEMP B-TREE") || step.contains("AUTOMATIC")
}

#[tokio::test]
async fn no_statement_scans_sorts_or_is_prepared_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox.db");
    let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
    let busy_timeout = Duration::from_secs(10);
    let database = DatabasePath { path: path.clone(), create: true, busy_timeout, max_size: None };
    let engine = Engine::open(Options {
        database,
        clock: Clock::Manual(clock.clone()),
        most: 1,
        waiting: 1,
        readers: 1,
    });
    let engine = engine.await.unwrap();
    let watch = |connection: &Connection| {
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(remember));
        Ok(())
    };
    engine.write(move |tx| watch(tx)).await.unwrap();
    engine.read(move |reader| watch(&reader.connection)).await.unwrap();
    let store = SqliteStore::new(engine, &path);
    let ids = work(&store, &clock).await;
    look_after(&store, &clock, &ids).await;
    search(&store).await;
    store.close().await;

    let connection = Connection::open(&path).unwrap();
    let run = std::mem::take(&mut *RUN.lock().unwrap());
    assert!(run.len() > 60, "{} statements were seen", run.len());
    let plans = run.iter().map(|sql| (sql, plan(&connection, sql)));
    let slow: Vec<_> = plans.filter(|(_, plan)| plan.iter().any(|step| is_slow(step))).collect();
    assert!(slow.is_empty(), "{slow:#?}");
    let again = std::mem::take(&mut *PREPARED_AGAIN.lock().unwrap());
    assert!(again.is_empty(), "{again:#?}");
}
