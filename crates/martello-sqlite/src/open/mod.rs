//! Opens connections: checks the path, creates the file, sets the pragmas, migrates the schema.

mod connection;
mod migrate;
mod opened_file;
mod path;
mod version_3;

use std::{path::PathBuf, time::Duration};

use martello_outbox::StoreError;
use rusqlite::{Connection, config::DbConfig};

pub(crate) use connection::WAL_LIMIT;
pub(crate) use migrate::NEWEST;
pub(crate) use opened_file::OpenedFile;
pub(crate) use path::absolute;

use crate::fault::explain;

/// The application id in the header of a store, at byte 68: "Mtlo".
const APPLICATION_ID: i32 = 0x4d74_6c6f;

/// The path of a database file, and how to open it.
#[derive(Clone, Debug)]
pub(crate) struct DatabasePath {
    /// Absolute, so that SQLite gives no special meaning to any part of it.
    pub(crate) path: PathBuf,
    pub(crate) create: bool,
    pub(crate) busy_timeout: Duration,
    pub(crate) max_size: Option<u64>,
}

impl DatabasePath {
    /// Opens the connection that writes. Creates or migrates the file if needed.
    pub(crate) fn open(&self) -> Result<Connection, StoreError> {
        path::check(self)?;
        let connection = connection::connect(self, self.create)?;
        // Until the file is known to be a store, closing the connection must not change it.
        set_checkpoint_on_close(&connection, false)?;
        migrate::prepare(&connection, self)?;
        set_checkpoint_on_close(&connection, true)?;
        Ok(connection)
    }

    /// The identity of the file, once it is open.
    pub(crate) fn opened(&self) -> OpenedFile {
        OpenedFile::at(self.path.clone())
    }

    /// The path of the write-ahead log. SQLite puts it beside the target of a symbolic link.
    pub(crate) fn wal(&self) -> PathBuf {
        let mut wal =
            std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone()).into_os_string();
        wal.push("-wal");
        wal.into()
    }

    /// Opens a connection that only reads.
    pub(crate) fn open_reader(&self) -> Result<Connection, StoreError> {
        let connection = connection::connect(self, false)?;
        connection::make_durable(&connection, self)?;
        connection.pragma_update(None, "query_only", true).map_err(explain)?;
        Ok(connection)
    }
}

fn set_checkpoint_on_close(connection: &Connection, on: bool) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, !on).map_err(explain)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Connection, DatabasePath};

    fn number(connection: &Connection, pragma: &str) -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    }

    #[test]
    fn every_connection_is_durable_and_readers_only_read() -> Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("outbox.db");
        let database =
            DatabasePath { path, create: true, busy_timeout: Duration::from_secs(1), max_size: None };
        let (writer, reader) = (database.open()?, database.open_reader()?);
        for connection in [&writer, &reader] {
            let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
            assert_eq!((mode.as_str(), number(connection, "synchronous")?), ("wal", super::connection::FULL));
            let asked = (number(connection, "fullfsync")?, number(connection, "checkpoint_fullfsync")?);
            assert_eq!(asked, (1, 1), "on an Apple system");
        }
        assert_eq!((number(&writer, "query_only")?, number(&reader, "query_only")?), (0, 1));
        Ok(())
    }

    /// Before 3.51.3, a checkpoint and a reset of the log at the same moment could lose commits.
    #[test]
    fn the_bundled_sqlite_does_not_lose_commits() {
        assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    }
}
