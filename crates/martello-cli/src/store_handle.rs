//! Opens the store that `--store` or `MARTELLO_STORE` names.

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

const EXPECTED: &str =
    "no valid store is given: set --store or MARTELLO_STORE to sqlite:PATH or postgres://…";

/// The largest body that `upsert` stores in an outbox, in bytes.
const LARGEST: usize = 16 << 20;

/// An open store of either engine.
pub(crate) enum StoreHandle {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

impl StoreHandle {
    /// Opens the store. It must exist: a mistyped path must not create a file.
    pub(crate) async fn open(args: &StoreArgs) -> Result<Self, CommandError> {
        Self::open_named(args.store.as_deref()).await
    }

    /// Opens the store with this URL, or the one of `MARTELLO_STORE`.
    pub(crate) async fn open_named(name: Option<&str>) -> Result<Self, CommandError> {
        let named = named(name).ok_or_else(|| CommandError::usage(EXPECTED))?;
        match named.split_once(':') {
            Some(("sqlite", path)) => Self::sqlite(sqlite_path(path)).await,
            Some(("postgres" | "postgresql", _)) => Self::postgres(&named).await,
            // The value may contain a password, so the error does not repeat it.
            _ => Err(CommandError::usage(EXPECTED)),
        }
    }

    async fn sqlite(path: &Path) -> Result<Self, CommandError> {
        // If the path cannot be checked, for example for lack of permission, the engine reports why.
        if path.try_exists().is_ok_and(|exists| !exists) {
            let message = format!("store {} does not exist: check --store or MARTELLO_STORE", path.display());
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

    /// An outbox in the store, with the classifier of the command's stack.
    pub(crate) fn outbox(&self) -> Result<Outbox, CommandError> {
        let builder = match self {
            Self::Sqlite(store) => Outbox::builder(store.clone()),
            Self::Postgres(store) => Outbox::builder(store.clone()),
        };
        let classifier = Classifier::unavailable([502, 503, 504])?;
        Ok(builder.classifier(classifier).max_body(LARGEST).build()?)
    }

    /// Closes the store, so that SQLite removes its `-wal` and `-shm` files.
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

/// The file of the store with this URL, or of `MARTELLO_STORE` if it is empty; `None` if the store is no
/// file.
pub(crate) fn file(name: &str) -> Option<PathBuf> {
    let named = named(Some(name).filter(|name| !name.is_empty()))?;
    let path = named.strip_prefix("sqlite:")?;
    Some(sqlite_path(path).to_owned())
}
