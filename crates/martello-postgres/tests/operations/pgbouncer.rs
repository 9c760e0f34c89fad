//! The store through PgBouncer from Debian. The configuration sets only the server, the users and the pool
//! mode.

use std::{env, time::Duration};

use futures_util::{StreamExt, future::join_all, stream};
use martello_outbox::{
    Enqueued, Filter, State, Store, StoreErrorKind,
    store::{Clock, Watch},
};
use martello_outbox_conformance::{BoxError, Engine, Scenario};
use martello_postgres::PostgresStore;
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::{sleep, timeout};

use crate::support::{TestSchema, claimed, entry, fresh_schema, keyed};

/// The URL of a PgBouncer that pools sessions.
pub(crate) fn of_sessions() -> String {
    env::var("MARTELLO_TEST_PGBOUNCER_SESSION_URL").unwrap()
}

/// The URL of a PgBouncer that pools transactions.
pub(crate) fn of_transactions() -> String {
    env::var("MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL").unwrap()
}

/// Connects through PgBouncer, without the parameters that it refuses.
pub(crate) async fn connection(url: &str) -> PgConnection {
    options(url).connect().await.unwrap()
}

fn options(url: &str) -> PgConnectOptions {
    url.parse::<PgConnectOptions>().unwrap().extra_float_digits(None)
}

struct Pooled {
    url: String,
    schema: String,
}

impl Engine for Pooled {
    type Store = PostgresStore;

    async fn fresh() -> Result<Option<Self>, BoxError> {
        Ok(Some(Self { url: of_transactions(), schema: fresh_schema() }))
    }

    async fn open(&self, clock: Clock) -> Result<PostgresStore, BoxError> {
        let store = PostgresStore::builder().url(&self.url).schema(&self.schema).clock(clock);
        Ok(store.max_connections(4).connect().await?)
    }

    async fn remove(self) {
        TestSchema { url: crate::support::url(), schema: self.schema }.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL"]
async fn a_store_conforms_through_a_pgbouncer_that_pools_transactions() {
    let scenarios = stream::iter(Scenario::ALL).map(|scenario| scenario.play::<Pooled>());
    scenarios.buffer_unordered(8).for_each(|kept| async { kept.unwrap() }).await;
}

/// Other clients use the same sessions, with prepared statements of the same names.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL"]
async fn stores_that_share_sessions_do_not_disturb_each_other() {
    let of = |url| TestSchema { url, schema: fresh_schema() };
    let schemas = [of(of_transactions()), of(of_transactions()), of(of_sessions())];
    let work = async |test: &TestSchema| {
        let store = test.open().await;
        let work = join_all((0..8).map(async |_| {
            for _ in 0..10 {
                store.enqueue(vec![entry(), keyed("k")]).await.unwrap();
                store.count(Filter::default()).await.unwrap();
                store.queues().await.unwrap();
            }
        }));
        work.await;
        assert_eq!(store.count(Filter::state(State::Ready)).await.unwrap(), 160);
        store.drop_schema().await.unwrap();
    };
    join_all(schemas.iter().map(work)).await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL"]
async fn changes_are_seen_within_a_second_without_notifications() {
    for (url, within) in [(of_transactions(), 1_300), (of_sessions(), 700)] {
        let test = TestSchema { url, schema: fresh_schema() };
        let (store, other) = (test.open().await, test.open().await);
        let mut watch = store.watch(Watch::Ready);
        sleep(Duration::from_millis(1_500)).await;
        for _ in 0..3 {
            watch.mark_unchanged();
            other.enqueue(vec![entry()]).await.unwrap();
            timeout(Duration::from_millis(within), watch.changed()).await.unwrap().unwrap();
        }
        store.drop_schema().await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL"]
async fn an_external_transaction_and_a_pool_work_through_pgbouncer() {
    let schema = fresh_schema();
    let pool =
        PgPoolOptions::new().max_connections(4).connect_with(options(&of_transactions())).await.unwrap();
    let store = PostgresStore::builder().pool(pool.clone()).schema(&schema).connect().await.unwrap();
    for _ in 0..3 {
        let stored = join_all((0..4).map(async |_| {
            let mut connection = connection(&of_transactions()).await;
            let mut ids = Vec::new();
            for _ in 0..5 {
                let mut transaction = connection.begin().await.unwrap();
                ids.push(store.enqueue_in(&mut transaction, entry()).await.unwrap().id());
                transaction.commit().await.unwrap();
                store.enqueue(vec![entry()]).await.unwrap();
            }
            ids
        }));
        for id in stored.await.concat() {
            assert!(store.entry(id).await.unwrap().is_some());
        }
    }
    assert_eq!(store.count(Filter::default()).await.unwrap(), 120);
    assert_eq!(claimed(&store, 5).await.len(), 5);
    store.drop_schema().await.unwrap();
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL"]
async fn a_parameter_that_pgbouncer_refuses_is_reported_with_advice() {
    for url in [of_transactions(), of_sessions()] {
        let url = format!("{url}?options[statement_timeout]=1000");
        let error = PostgresStore::connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unusable, "{error}");
        assert!(error.to_string().contains("ignore_startup_parameters"), "{error}");
    }
}

/// The URL overrides the detection.
#[tokio::test]
#[ignore = "needs MARTELLO_TEST_PGBOUNCER_TRANSACTION_URL"]
async fn the_url_may_switch_the_statement_cache_off() {
    for url in [of_transactions(), of_sessions(), crate::support::url()] {
        let schema = fresh_schema();
        let url = format!("{url}?statement-cache-capacity=0&schema={schema}");
        let store = PostgresStore::connect(&url).await.unwrap();
        let stored = store.enqueue(vec![entry(), entry()]).await.unwrap();
        let mut ids: Vec<_> = stored.into_iter().map(Enqueued::id).collect();
        ids.sort();
        let mut got = claimed(&store, 5).await;
        got.sort();
        assert_eq!(got, ids);
        store.drop_schema().await.unwrap();
    }
}
