//! One transaction for all that waits: each operation in a savepoint of its own, one write to the disk, then the answers.

use std::sync::Arc;

use martello_outbox::StoreError;

use super::{Tx, Work, Writer};
use crate::{
    fault::{explain_to_each, is_full, uncommitted},
    open::NEWEST,
    sql,
};

type Batch = Vec<Box<dyn Work>>;

/// How a transaction failed.
enum Failure {
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

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Undone(Arc::new(error))
    }
}

impl Writer {
    pub(super) fn write(&self, mut batch: Batch) {
        match self.transact(&mut batch) {
            Ok(()) => {
                batch.into_iter().for_each(Work::answer);
                self.log.curb(&self.connection);
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

    fn transact(&self, batch: &mut [Box<dyn Work>]) -> Result<(), Failure> {
        if batch.is_empty() {
            return Ok(());
        }
        if !self.file.is_there() {
            return Err(Failure::Gone);
        }
        sql::run(&self.connection, "BEGIN IMMEDIATE", [])
            .map_err(|error| Failure::NotBegun(Arc::new(error)))?;
        let version = sql::one(&self.connection, "PRAGMA user_version", [], |row| row.get::<_, i32>(0))?;
        if let Some(version) = version.filter(|version| *version > NEWEST) {
            return Err(Failure::Newer(version));
        }
        let mut tx = Tx::new(&self.connection, self.now());
        match batch {
            [alone] => {
                if !alone.attempt(&mut tx) {
                    return Err(Failure::Lost);
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
            true => Failure::from(error),
            false => Failure::Uncommitted(Arc::new(error)),
        })?;
        self.notifier.notify(tx.changes());
        Ok(())
    }

    /// Does one of several, so that its failure takes nothing else with it.
    fn attempt_beside(&self, work: &mut dyn Work, tx: &mut Tx<'_>) -> Result<(), Failure> {
        sql::run(&self.connection, "SAVEPOINT operation", [])?;
        let before = tx.put_aside();
        let kept = work.attempt(tx);
        tx.take_back(before, kept);
        if !kept {
            // Where there is no room, SQLite gives up the transaction as a whole.
            if self.connection.is_autocommit() {
                return Err(Failure::Lost);
            }
            sql::run(&self.connection, "ROLLBACK TO operation", [])?;
        }
        sql::run(&self.connection, "RELEASE operation", [])?;
        Ok(())
    }

    /// Of operations that spoilt it for each other, each is tried alone.
    fn fail(&self, batch: Batch, failure: &Failure) {
        let error: &dyn Fn() -> StoreError = match failure {
            Failure::Uncommitted(error) => &|| uncommitted(error),
            Failure::Gone => &|| self.file.gone(),
            Failure::Newer(version) => &|| self.file.newer(*version),
            Failure::NotBegun(error) => &|| explain_to_each(error),
            Failure::Undone(error) if batch.len() == 1 => &|| explain_to_each(error),
            Failure::Lost if batch.len() == 1 => return batch.into_iter().for_each(Work::answer),
            Failure::Undone(_) | Failure::Lost => {
                return batch.into_iter().for_each(|work| self.write(vec![work]));
            }
        };
        batch.into_iter().for_each(|work| work.refuse(error()));
    }
}
