use std::{cell::Cell, fs, path::PathBuf, time::Duration};

use rusqlite::Connection;

use crate::{
    open::{DatabasePath, WAL_LIMIT},
    sql,
};

/// How long a checkpoint waits for readers. Writes wait, too.
const PATIENCE: Duration = Duration::from_secs(1);

/// The write-ahead log, and the size from which it is truncated.
///
/// SQLite checkpoints it and starts it again, but only at a moment when no reader uses an older state of the
/// file. If there is always such a reader, the log would grow without bound.
pub(crate) struct Wal {
    path: PathBuf,
    busy_timeout: Duration,
    /// The size in bytes that triggers the next checkpoint.
    limit: Cell<u64>,
}

impl Wal {
    pub(crate) fn of(database: &DatabasePath) -> Self {
        Self { path: database.wal(), busy_timeout: database.busy_timeout, limit: Cell::new(WAL_LIMIT.into()) }
    }

    /// Truncates a log that is too long, once the present readers have finished. If they take too long, the
    /// log may grow by [`WAL_LIMIT`] before the next attempt.
    pub(super) fn checkpoint_wal(&self, connection: &Connection) {
        let length = || fs::metadata(&self.path).map_or(0, |wal| wal.len());
        if length() <= self.limit.get() {
            return;
        }
        // A failure here affects no operation: the commits are in the log.
        drop(connection.busy_timeout(PATIENCE));
        drop(sql::one(connection, "PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0)));
        drop(connection.busy_timeout(self.busy_timeout));
        self.limit.set(length().saturating_add(WAL_LIMIT.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Connection, Duration, Wal, fs};

    #[test]
    fn a_long_log_is_truncated_unless_a_reader_stays_active() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Connection::open(directory.path().join("file.db")).unwrap();
        let (writer, reader) = (open(), open());
        writer.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x)").unwrap();
        let path = directory.path().join("file.db-wal");
        let wal = Wal { path, busy_timeout: Duration::ZERO, limit: Cell::new(100_000) };
        let length = || fs::metadata(&wal.path).unwrap().len();
        wal.checkpoint_wal(&writer);
        assert!(length() > 0, "a short WAL is not truncated");

        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        writer.execute_batch("INSERT INTO t VALUES (zeroblob(200000))").unwrap();
        wal.checkpoint_wal(&writer);
        assert!(length() > 200_000, "a reader blocks the checkpoint");
        assert!(wal.limit.get() > length(), "the next checkpoint is not attempted immediately");

        reader.execute_batch("COMMIT").unwrap();
        wal.limit.set(100_000);
        wal.checkpoint_wal(&writer);
        assert_eq!(length(), 0);
    }
}
