//! Schemas for the tests, and helpers that store and claim entries.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use martello_outbox::{
    AttemptRecord, EntryId, NewEntry, OrderKey, Outcome, QueueName, Store, StoredRequest,
    store::{Claimed, End, HoldChange, Settlement, Turn, WorkerId},
};
use martello_postgres::{PostgresStore, PostgresStoreBuilder};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The server's URL. Tests that need it are marked as ignored, so a run without a server reports them as
/// ignored.
pub(crate) fn url() -> String {
    let url = env::var("MARTELLO_TEST_POSTGRES_URL");
    assert!(url.is_ok(), "MARTELLO_TEST_POSTGRES_URL is not set: give the URL of a PostgreSQL server");
    url.unwrap()
}

/// A unique schema name.
pub(crate) fn fresh_schema() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("martello_test_{}_{now}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// A schema for one test. It opens stores and connections.
pub(crate) struct TestSchema {
    pub(crate) url: String,
    pub(crate) schema: String,
}

impl TestSchema {
    /// Returns an unused schema.
    pub(crate) fn fresh() -> Self {
        Self { url: url(), schema: fresh_schema() }
    }

    pub(crate) fn builder(&self) -> PostgresStoreBuilder {
        PostgresStore::builder().url(&self.url).schema(&self.schema).max_connections(4)
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        self.builder().connect().await.unwrap()
    }

    /// Opens a connection of the test's own.
    pub(crate) async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Runs statements, with the schema in place of `__`.
    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.replace("__", &self.schema));
        self.connection().await.execute(sqlx::raw_sql(sql)).await.unwrap();
    }

    pub(crate) async fn drop(self) {
        self.run("DROP SCHEMA IF EXISTS __ CASCADE").await;
    }
}

pub(crate) fn request(body: &'static str) -> StoredRequest {
    StoredRequest {
        method: http::Method::PUT,
        uri: "https://api.example/plans/7".parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: body.into(),
        sealed: false,
    }
}

pub(crate) fn entry() -> NewEntry {
    let mut entry = NewEntry::new(QueueName::default(), request("{}"));
    entry.repeatable = true;
    entry
}

pub(crate) fn keyed(key: &str) -> NewEntry {
    let mut entry = entry();
    entry.order_key = Some(OrderKey::new(key).unwrap());
    entry
}

/// A turn that claims up to this many entries.
pub(crate) fn claim(claim: usize) -> Turn {
    Turn {
        queue: QueueName::default(),
        worker: WorkerId::new("worker").unwrap(),
        settle: Vec::new(),
        claim,
        cap: 5,
        lease_duration: Duration::from_secs(60),
    }
}

/// Claims up to this many entries, and returns their ids.
pub(crate) async fn claimed(store: &PostgresStore, many: usize) -> Vec<EntryId> {
    store.turn(claim(many)).await.unwrap().claimed.into_iter().map(|claimed| claimed.entry.id).collect()
}

/// A settlement of a delivered entry.
pub(crate) fn done(claimed: &Claimed) -> Settlement {
    let attempt = AttemptRecord {
        number: claimed.entry.attempts,
        revision: claimed.entry.revision,
        started: claimed.entry.changed_at,
        duration: Duration::from_millis(1),
        outcome: Outcome::Success,
        status: Some(http::StatusCode::OK),
        tracking_id: None,
        fault: None,
        worker: Some("worker".into()),
    };
    Settlement {
        lease: claimed.lease.clone(),
        end: End::Done,
        attempt: Some(attempt),
        hold: HoldChange::Keep,
    }
}
