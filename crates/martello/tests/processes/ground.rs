//! Where the requests are stored. Everything else speaks of an [`Outbox`], and knows no engine.

use std::{fmt, path::PathBuf, str::FromStr};

use martello::{Outbox, outbox::OutboxBuilder, sqlite::SqliteStore};
use tempfile::TempDir;

/// A store, by the name that a process is told.
#[derive(Clone, Debug)]
pub(crate) enum Ground {
    Sqlite(PathBuf),
}

impl Ground {
    /// One file in a place that goes away.
    pub(crate) fn sqlite() -> (TempDir, Self) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("outbox.db");
        (directory, Self::Sqlite(path))
    }

    /// An outbox here, of a store of its own.
    pub(crate) async fn outbox(&self, configure: impl FnOnce(OutboxBuilder) -> OutboxBuilder) -> Outbox {
        let builder = match self {
            Self::Sqlite(path) => Outbox::builder(SqliteStore::open(path).await.unwrap()),
        };
        configure(builder).build().unwrap()
    }
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

impl FromStr for Ground {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            _ => Err(format!("{text} is no place to store requests in")),
        }
    }
}
