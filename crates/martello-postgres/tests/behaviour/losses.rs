//! The store continues when the server terminates connections.

use std::time::Duration;

use martello_outbox::{
    Filter, State, Store, StoreErrorKind,
    store::{Turn, Watch},
};
use martello_postgres::PostgresStore;
use tokio::task::JoinSet;

use crate::support::{TestSchema, claim, done, entry};

/// A store with an `application_name` of its own, by which the test terminates all its connections.
struct Doomed {
    test: TestSchema,
    name: String,
    store: PostgresStore,
}

impl Doomed {
    async fn open(test: TestSchema) -> Self {
        let name = format!("{}_doomed", test.schema);
        let sign = if test.url.contains('?') { '&' } else { '?' };
        let url = format!("{}{sign}application_name={name}", test.url);
        let store = PostgresStore::builder().url(&url).schema(&test.schema).connect().await.unwrap();
        Self { test, name, store }
    }

    async fn end_all(&self) {
        let name = &self.name;
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}'"
        );
        self.test.run(&sql).await;
    }
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_store_replaces_terminated_connections() {
    let test = TestSchema::fresh();
    let doomed = Doomed::open(test).await;
    let store = &doomed.store;
    let mut many = 0;
    for _ in 0..5 {
        // The two concurrent operations use all pooled connections, and find them terminated.
        let (stored, counted) = tokio::join!(store.enqueue(vec![entry()]), store.count(Filter::default()));
        stored.unwrap();
        counted.unwrap();
        many += 1;
        doomed.end_all().await;
        let turned = store.turn(claim(1)).await.unwrap();
        doomed.end_all().await;
        let settle = turned.claimed.iter().map(done).collect();
        store.turn(Turn { settle, ..claim(0) }).await.unwrap();
        doomed.end_all().await;
        assert_eq!(store.count(Filter::state(State::Done)).await.unwrap(), many);
        doomed.end_all().await;
    }
    doomed.test.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn no_acknowledged_entry_is_lost_while_connections_are_terminated() {
    let test = TestSchema::fresh();
    let doomed = Doomed::open(test).await;
    let store = doomed.store.clone();
    let mut storing = JoinSet::new();
    storing.spawn(async move {
        let (mut stored, mut failed) = (Vec::new(), 0);
        for _ in 0..50 {
            let entry = entry();
            let id = entry.id;
            // A caller that receives no answer repeats the call.
            while let Err(error) = store.enqueue(vec![entry.clone()]).await {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
                failed += 1;
                assert!(failed < 1_000);
            }
            stored.push(id);
        }
        stored
    });
    let stored = loop {
        if let Some(stored) = storing.try_join_next() {
            break stored.unwrap();
        }
        doomed.end_all().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for id in &stored {
        assert!(doomed.store.entry(*id).await.unwrap().is_some());
    }
    assert_eq!(doomed.store.count(Filter::default()).await.unwrap(), 50, "no entry is stored twice");
    doomed.test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn subscribers_are_notified_of_missed_changes() {
    let test = TestSchema::fresh();
    let doomed = Doomed::open(test).await;
    let other = doomed.test.open().await;
    let mut watch = doomed.store.watch(Watch::Ready);
    for _ in 0..3 {
        doomed.end_all().await;
        // After a failed poll, the store reports a possible change.
        tokio::time::sleep(Duration::from_millis(100)).await;
        watch.mark_unchanged();
        other.enqueue(vec![entry()]).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.unwrap().unwrap();
    }
    doomed.test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_operation_that_waits_for_a_lock_fails_when_its_patience_ends() {
    let test = TestSchema::fresh();
    let store = test.builder().patience(Duration::from_secs(3)).connect().await.unwrap();
    let mut connection = test.connection().await;
    let mut transaction = sqlx::Connection::begin(&mut connection).await.unwrap();
    let lock = format!("LOCK TABLE {}.entry", test.schema);
    sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *transaction).await.unwrap();
    let error = store.enqueue(vec![entry()]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    transaction.rollback().await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    test.drop().await;
}

/// The server does not detect a disconnected client while it waits for a lock. Without a bound, each repeated
/// operation leaves one more connection open, until the server has no free connections.
#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn every_operation_has_a_bound_for_lock_waits() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let sql =
        "SELECT proname::text FROM pg_proc WHERE pronamespace = $1::regnamespace AND proconfig IS NOT NULL
        AND NOT 'lock_timeout=30s' = ANY (proconfig)";
    let unbound: Vec<String> =
        sqlx::query_scalar(sql).bind(&test.schema).fetch_all(&mut test.connection().await).await.unwrap();
    assert_eq!(unbound, ["enqueue"], "enqueue sets its own bound, except in an external transaction");
    drop(store);
    test.drop().await;
}
