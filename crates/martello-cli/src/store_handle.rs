//! From what `--store` says to a store.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use martello::outcome::Classifier;
use martello_outbox::{Outbox, Store};
use martello_postgres::PostgresStore;
use martello_sqlite::SqliteStore;

use crate::{args::StoreArgs, error::CommandError};

const EXPECTED: &str = "name a store with --store or MARTELLO_STORE: sqlite:PATH or postgres://…";

/// The largest body that is put into an outbox, in bytes.
const LARGEST: usize = 16 << 20;

/// An open store, of whatever engine.
pub(crate) enum StoreHandle {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl StoreHandle {
    /// Opens the store, which must be there: looking at a path that is mistyped must not make a file.
    pub(crate) async fn open(args: &StoreArgs) -> Result<Self, CommandError> {
        Self::open_named(args.store.as_deref()).await
    }

    /// Opens the store of this name, or else the one that the environment names.
    pub(crate) async fn open_named(name: Option<&str>) -> Result<Self, CommandError> {
        let named = named(name).ok_or_else(|| CommandError::usage(EXPECTED))?;
        match named.split_once(':') {
            Some(("sqlite", path)) => Self::sqlite(sqlite_path(path)).await,
            Some(("postgres" | "postgresql", _)) => Self::postgres(&named).await,
            // What it says may hold a password, and is not repeated.
            _ => Err(CommandError::usage(EXPECTED)),
        }
    }

    async fn sqlite(path: &Path) -> Result<Self, CommandError> {
        // One that may not be looked for is for the engine to explain.
        if path.try_exists().is_ok_and(|exists| !exists) {
            let message = format!("there is no store at {}: check --store or MARTELLO_STORE", path.display());
            return Err(CommandError::no_store(message));
        }
        Ok(Self::Sqlite(SqliteStore::builder(path).create(false).readers(1).open().await?))
    }

    async fn postgres(url: &str) -> Result<Self, CommandError> {
        let store = PostgresStore::builder().url(url).create(false).max_connections(4);
        Ok(Self::Postgres(store.connect().await?))
    }

    /// The store.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            Self::Postgres(store) => Arc::new(store.clone()),
        }
    }

    /// An outbox in it, which tells outcomes apart as our stacks do.
    pub(crate) fn outbox(&self) -> Result<Outbox, CommandError> {
        let builder = match self {
            Self::Sqlite(store) => Outbox::builder(store.clone()),
            Self::Postgres(store) => Outbox::builder(store.clone()),
        };
        let classifier = Classifier::unavailable([502, 503, 504])?;
        Ok(builder.classifier(classifier).max_body(LARGEST).build()?)
    }

    /// Closes it, and leaves nothing behind.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

fn named(name: Option<&str>) -> Option<String> {
    let named = name.map(str::to_owned).or_else(|| env::var("MARTELLO_STORE").ok());
    named.filter(|named| !named.is_empty())
}

fn sqlite_path(path: &str) -> &Path {
    Path::new(path.strip_prefix("//").unwrap_or(path))
}

/// The file of the store of this name, or else of the one that the environment names; `None` if it is in
/// none.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let named = named(Some(name).filter(|name| !name.is_empty()))?;
    let path = named.strip_prefix("sqlite:")?;
    Some(sqlite_path(path).to_owned())
}
