//! `SqliteStore` passes the conformance suite of `Store`.

use std::path::PathBuf;

use martello_outbox::store::Clock;
use martello_outbox_conformance::{self as conformance, BoxError};
use martello_sqlite::SqliteStore;
use tempfile::TempDir;

/// A file in a temporary directory.
struct InFile {
    _directory: TempDir,
    path: PathBuf,
}

impl conformance::Engine for InFile {
    type Store = SqliteStore;

    async fn fresh() -> Result<Option<Self>, BoxError> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("outbox.db");
        Ok(Some(Self { _directory: directory, path }))
    }

    async fn open(&self, clock: Clock) -> Result<SqliteStore, BoxError> {
        Ok(SqliteStore::builder(&self.path).clock(clock).open().await?)
    }
}

conformance::tests!(InFile);
