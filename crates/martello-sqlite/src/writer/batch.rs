//! One transaction for all that waits: each operation in a savepoint of its own, one write to the disk, then the answers.

use std::sync::Arc;

use martello_outbox::StoreError;

use super::{Operation, Tx, Writer};
use crate::{
    fault::{explain_shared, is_full, uncommitted},
    open::NEWEST,
    sql,
};

type Batch = Vec<Box<dyn Operation>>;

/// How a transaction failed.
enum BatchError {
    /// It would have gone to a file that nobody finds again.
    Gone,
    /// Another program has brought the file to this version, which is not ours to write to.
    Newer(i32),
    /// It did not begin: another process held the file for too long. It would be no use to try each operation alone.
    NotBegun(Arc<rusqlite::Error>),
    /// Nothing was written, and the transaction is gone.
    Undone(Arc<rusqlite::Error>),
    /// The same, and an operation knows why.
    Lost,
    /// In its last step: nobody knows what is on the disk.
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
                    // Fails where SQLite has done so itself.
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

    /// Does one of several, so that its failure takes nothing else with it.
    fn attempt_beside(&self, work: &mut dyn Operation, tx: &mut Tx<'_>) -> Result<(), BatchError> {
        sql::run(&self.connection, "SAVEPOINT operation", [])?;
        let before = tx.take_counts();
        let kept = work.attempt(tx);
        tx.restore_counts(before, kept);
        if !kept {
            // Where there is no room, SQLite gives up the transaction as a whole.
            if self.connection.is_autocommit() {
                return Err(BatchError::Lost);
            }
            sql::run(&self.connection, "ROLLBACK TO operation", [])?;
        }
        sql::run(&self.connection, "RELEASE operation", [])?;
        Ok(())
    }

    /// Of operations that spoilt it for each other, each is tried alone.
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
