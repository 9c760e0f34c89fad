//! Runs all waiting operations in one transaction: each in its own savepoint, one write to the disk, then the
//! answers.

use std::sync::Arc;

use martello_outbox::StoreError;

use super::{Operation, Tx, Writer};
use crate::{
    fault::{explain_shared, is_full, uncommitted},
    open::NEWEST,
    sql,
};

type Batch = Vec<Box<dyn Operation>>;

/// Why a transaction failed.
enum BatchError {
    /// The path no longer leads to the file.
    Gone,
    /// Another program has migrated the file to this version, which this crate does not know.
    Newer(i32),
    /// It did not begin, because another process held the lock for too long. The same would happen to each
    /// operation alone.
    NotBegun(Arc<rusqlite::Error>),
    /// It was rolled back.
    Undone(Arc<rusqlite::Error>),
    /// It was rolled back, and an operation has the error.
    Lost,
    /// The commit failed: whether it is on the disk is unknown.
    Uncommitted(Arc<rusqlite::Error>),
}

impl From<rusqlite::Error> for BatchError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Undone(Arc::new(error))
    }
}

impl Writer {
    pub(super) fn write(&self, mut batch: Batch) {
        match self.transact(&mut batch) {
            Ok(()) => {
                batch.into_iter().for_each(Operation::answer);
                self.wal.checkpoint_wal(&self.connection);
            }
            Err(failure) => {
                if !self.connection.is_autocommit() {
                    // This fails if SQLite has rolled back already.
                    drop(sql::run(&self.connection, "ROLLBACK", []));
                }
                self.fail(batch, &failure);
            }
        }
    }

    fn transact(&self, batch: &mut [Box<dyn Operation>]) -> Result<(), BatchError> {
        if batch.is_empty() {
            return Ok(());
        }
        if !self.file.is_there() {
            return Err(BatchError::Gone);
        }
        sql::run(&self.connection, "BEGIN IMMEDIATE", [])
            .map_err(|error| BatchError::NotBegun(Arc::new(error)))?;
        let version = sql::one(&self.connection, "PRAGMA user_version", [], |row| row.get::<_, i32>(0))?;
        if let Some(version) = version.filter(|version| *version > NEWEST) {
            return Err(BatchError::Newer(version));
        }
        let mut tx = Tx::new(&self.connection, self.now());
        match batch {
            [alone] => {
                if !alone.attempt(&mut tx) {
                    return Err(BatchError::Lost);
                }
            }
            several => {
                for work in several {
                    self.attempt_beside(work.as_mut(), &mut tx)?;
                }
            }
        }
        tx.count()?;
        sql::run(&self.connection, "COMMIT", []).map_err(|error| match is_full(&error) {
            true => BatchError::from(error),
            false => BatchError::Uncommitted(Arc::new(error)),
        })?;
        self.notifier.notify(tx.changes());
        Ok(())
    }

    /// Runs one of several operations in a savepoint, so that its failure does not affect the others.
    fn attempt_beside(&self, work: &mut dyn Operation, tx: &mut Tx<'_>) -> Result<(), BatchError> {
        sql::run(&self.connection, "SAVEPOINT operation", [])?;
        let before = tx.take_counts();
        let kept = work.attempt(tx);
        tx.restore_counts(before, kept);
        if !kept {
            // On a full disk, SQLite rolls back the whole transaction.
            if self.connection.is_autocommit() {
                return Err(BatchError::Lost);
            }
            sql::run(&self.connection, "ROLLBACK TO operation", [])?;
        }
        sql::run(&self.connection, "RELEASE operation", [])?;
        Ok(())
    }

    /// Fails the operations. If one of several may have caused the failure, runs each in its own transaction
    /// instead.
    fn fail(&self, batch: Batch, failure: &BatchError) {
        let error: &dyn Fn() -> StoreError = match failure {
            BatchError::Uncommitted(error) => &|| uncommitted(error),
            BatchError::Gone => &|| self.file.gone(),
            BatchError::Newer(version) => &|| self.file.newer(*version),
            BatchError::NotBegun(error) => &|| explain_shared(error),
            BatchError::Undone(error) if batch.len() == 1 => &|| explain_shared(error),
            BatchError::Lost if batch.len() == 1 => return batch.into_iter().for_each(Operation::answer),
            BatchError::Undone(_) | BatchError::Lost => {
                return batch.into_iter().for_each(|work| self.write(vec![work]));
            }
        };
        batch.into_iter().for_each(|work| work.refuse(error()));
    }
}
