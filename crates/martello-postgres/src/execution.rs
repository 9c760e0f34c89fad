//! How statements are executed: prepared by name or not, in an explicit transaction or not.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use sqlx::{Connection, PgConnection, postgres::PgRow};

use crate::{
    fault::{is_foreign_statement, is_wrong_isolation},
    statement::Statement,
};

/// Begins an explicit transaction. An operation first waits for locks, and must then see what others
/// committed meanwhile.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// The mode of a store's statements. It starts with the fastest, and changes for good when an error shows
/// that a pooler or a setting does not allow it.
#[derive(Debug)]
pub(crate) struct CurrentMode {
    prepared: AtomicBool,
    explicit: AtomicBool,
}

/// The mode of one execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// Whether statements are prepared by name, and so stay in the session. That is impossible where other
    /// clients get the session between two transactions. Then parsing and execution have to be in one
    /// transaction.
    prepared: bool,
    /// Whether the transaction is begun by a statement of its own.
    explicit: bool,
}

impl CurrentMode {
    pub(crate) fn new(prepared: bool) -> Self {
        Self { prepared: AtomicBool::new(prepared), explicit: AtomicBool::new(!prepared) }
    }

    pub(crate) fn get(&self) -> Mode {
        Mode { prepared: self.prepared.load(Relaxed), explicit: self.explicit.load(Relaxed) }
    }

    /// Changes the mode if this error of a statement in `mode` was caused by the mode, and returns whether it
    /// was.
    pub(crate) fn learn(&self, mode: Mode, error: &sqlx::Error) -> bool {
        let foreign = mode.prepared && is_foreign_statement(error);
        if foreign {
            self.prepared.store(false, Relaxed);
        }
        let wrong = foreign || !mode.explicit && is_wrong_isolation(error);
        if wrong {
            self.explicit.store(true, Relaxed);
        }
        wrong
    }
}

impl Mode {
    pub(crate) async fn fetch(
        self,
        statement: &Statement,
        connection: &mut PgConnection,
    ) -> sqlx::Result<Vec<PgRow>> {
        if !self.explicit {
            return statement.fetch(connection, self.prepared).await;
        }
        let mut transaction = connection.begin_with(BEGIN).await?;
        match statement.fetch(&mut transaction, self.prepared).await {
            Ok(rows) => transaction.commit().await.map(|()| rows),
            Err(error) => {
                transaction.rollback().await?;
                Err(error)
            }
        }
    }
}
