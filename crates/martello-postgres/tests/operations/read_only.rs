//! The server is read-only for a while, after a failover or with a full disk. A session that began meanwhile
//! stays read-only.

use std::time::Duration;

use futures_util::future::join_all;
use martello_outbox::{Filter, QueueName, Store, StoreErrorKind};
use martello_postgres::PostgresStore;
use sqlx::{AssertSqlSafe, Connection, Executor, postgres::PgPoolOptions};

use crate::support::{TestSchema, claimed, entry};

/// A schema with its own role, which the test can switch to read-only.
struct Switched {
    test: TestSchema,
    role: String,
    url: String,
}

impl Switched {
    async fn make() -> Self {
        let test = TestSchema::fresh();
        let role = format!("{}_role", test.schema);
        test.run(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA __ AUTHORIZATION {role}")).await;
        let mut url = url::Url::parse(&test.url).unwrap();
        url.set_username(&role).unwrap();
        Self { url: url.into(), test, role }
    }

    /// Sets whether new sessions are read-only, and terminates the existing ones.
    async fn read_only(&self, on: bool) {
        let role = &self.role;
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
        let set =
            if on { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
        let end = if on { end } else { String::new() };
        self.test.run(&format!("ALTER ROLE {role} {set}; {end}")).await;
    }

    async fn clear(self) {
        let Self { test, role, .. } = self;
        test.run(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await;
    }
}

async fn survives(store: &PostgresStore, switched: &Switched) {
    store.enqueue(vec![entry()]).await.unwrap();
    switched.read_only(true).await;
    // Reads succeed over all connections.
    for counted in join_all((0..8).map(|_| store.count(Filter::default()))).await {
        counted.unwrap();
    }
    for _ in 0..2 {
        let error = store.enqueue(vec![entry()]).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    }
    for counted in join_all((0..8).map(|_| store.count(Filter::default()))).await {
        counted.unwrap();
    }
    switched.read_only(false).await;
    // Each operation finds a read-only session in the pool.
    let queue = QueueName::default();
    for resumed in join_all((0..8).map(|_| store.resume(&queue))).await {
        resumed.unwrap();
    }
    store.enqueue(vec![entry()]).await.unwrap();
    assert_eq!(claimed(store, 5).await.len(), 2);
    for _ in 0..8 {
        store.enqueue(vec![entry()]).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_store_recovers_when_its_server_accepts_writes_again() {
    let switched = Switched::make().await;
    let store = PostgresStore::builder().url(&switched.url).schema(&switched.test.schema).connect().await;
    survives(&store.unwrap(), &switched).await;
    switched.clear().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_store_on_a_pool_recovers_when_its_server_accepts_writes_again() {
    let switched = Switched::make().await;
    let pool = PgPoolOptions::new().max_connections(3).connect(&switched.url).await.unwrap();
    let store = PostgresStore::builder().pool(pool).schema(&switched.test.schema).connect().await;
    survives(&store.unwrap(), &switched).await;
    switched.clear().await;
}

/// The store also discards sessions that are stale for other reasons than read-only mode.
#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_session_with_a_too_short_timeout_is_not_reused() {
    let switched = Switched::make().await;
    let store = PostgresStore::builder().url(&switched.url).schema(&switched.test.schema);
    let store = store.patience(Duration::from_secs(5)).connect().await.unwrap();
    let role = &switched.role;
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
    switched.test.run(&format!("ALTER ROLE {role} SET statement_timeout = '200ms'; {end}")).await;
    store.count(Filter::default()).await.unwrap();

    let mut connection = switched.test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let lock = format!("LOCK TABLE {}.entry", switched.test.schema);
    transaction.execute(AssertSqlSafe(lock)).await.unwrap();
    let error = store.enqueue(vec![entry()]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    switched.test.run(&format!("ALTER ROLE {role} RESET statement_timeout")).await;
    let unlocked = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        transaction.commit().await.unwrap();
    };
    let (stored, ()) = tokio::join!(store.enqueue(vec![entry()]), unlocked);
    stored.unwrap();
    switched.clear().await;
}
