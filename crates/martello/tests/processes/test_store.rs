//! The store of a test. All other files use an [`Outbox`] and no engine.

use std::{
    env, fmt,
    panic::{AssertUnwindSafe, resume_unwind},
    path::PathBuf,
    str::FromStr,
};

use futures_util::FutureExt;
use martello::{Outbox, outbox::OutboxBuilder, postgres::PostgresStore, sqlite::SqliteStore};
use tokio::sync::Mutex;

/// A store. Its text form is passed to the child processes.
#[derive(Clone, Debug)]
pub(crate) enum TestStore {
    Sqlite(PathBuf),
    Postgres { schema: String, url: String },
}

/// Each test starts many processes, and a PostgreSQL server accepts few connections.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Runs a test on a SQLite file in a temporary directory. The file does not exist yet.
pub(crate) async fn in_a_file(test: impl AsyncFnOnce(TestStore)) {
    let directory = tempfile::tempdir().unwrap();
    test(TestStore::Sqlite(directory.path().join("outbox.db"))).await;
}

/// Runs a test on a new PostgreSQL schema, then drops the schema. Tests that need a server are `#[ignore]`d,
/// so that a run without a server reports them as ignored.
pub(crate) async fn in_a_schema(test: impl AsyncFnOnce(TestStore)) {
    let url = env::var("MARTELLO_TEST_POSTGRES_URL");
    assert!(url.is_ok(), "MARTELLO_TEST_POSTGRES_URL is not set: give the URL of a PostgreSQL server");
    let url = &url.unwrap();
    let _alone = ONE_AT_A_TIME.lock().await;
    let schema = &format!("martello_processes_{:08x}", fastrand::u32(..));
    let test_store = TestStore::Postgres { schema: schema.clone(), url: url.clone() };
    let result = AssertUnwindSafe(test(test_store.clone())).catch_unwind().await;
    let cleared = postgres(schema, url).await.drop_schema().await;
    match result {
        Ok(()) => cleared.unwrap(),
        // The panic of the test is more important than an error of the cleanup.
        Err(panic) => resume_unwind(panic),
    }
}

impl TestStore {
    /// The engine's name, for messages.
    pub(crate) fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "SQLite",
            Self::Postgres { .. } => "PostgreSQL",
        }
    }

    /// Opens the store again and returns an outbox on it.
    pub(crate) async fn outbox(&self, configure: impl FnOnce(OutboxBuilder) -> OutboxBuilder) -> Outbox {
        let builder = match self {
            Self::Sqlite(path) => Outbox::builder(SqliteStore::open(path).await.unwrap()),
            Self::Postgres { schema, url } => Outbox::builder(postgres(schema, url).await),
        };
        configure(builder).build().unwrap()
    }
}

/// A store in a schema, with few connections.
pub(crate) async fn postgres(schema: &str, url: &str) -> PostgresStore {
    PostgresStore::builder().url(url).schema(schema).max_connections(3).connect().await.unwrap()
}

impl fmt::Display for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres { schema, url } => write!(f, "{schema}:{url}"),
        }
    }
}

impl FromStr for TestStore {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            Some((schema, url)) => Ok(Self::Postgres { schema: schema.to_owned(), url: url.to_owned() }),
            None => Err(format!("{text:?} is not a store: expected `sqlite:PATH` or `SCHEMA:URL`")),
        }
    }
}
