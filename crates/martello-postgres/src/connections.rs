//! The connections of a store, over which it executes statements.
//!
//! A pool of sqlx cannot take the place of the store's own: it pings each connection when it is returned,
//! which costs one more round trip per operation and cannot be switched off, and it hands out the connection
//! that was idle for longest, so that a single busy caller keeps all of them from their idle timeout. Nor can
//! its idle connections be closed together, when one of them shows that a failover or a NAT has made all of
//! them useless.

use std::time::Duration;

use martello_outbox::{StoreError, engine::closed};
use sqlx::postgres::PgRow;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    checkout::Source,
    execution::{CurrentMode, Mode},
    explain::{explain, timed_out},
    fault::{Refusal, SessionState, gave_up, is_away, is_conflict, refused, session},
    statement::Statement,
};

/// How often a statement is repeated after a conflict with other transactions.
const CONFLICTS: u32 = 10;
/// How often a statement is repeated after its connection was lost. The second time covers an idle connection
/// that was lost as well.
const LOSSES: u32 = 2;

#[derive(Debug)]
pub(crate) struct Connections {
    source: Source,
    mode: CurrentMode,
    permits: Semaphore,
    most: u32,
    patience: Duration,
}

/// The result of a statement.
pub(crate) struct Fetched {
    pub(crate) rows: Vec<PgRow>,
    refused: Option<Refusal>,
    /// The statement may have been executed before, by an attempt whose answer was lost.
    pub(crate) repeated: bool,
}

/// A statement that failed, and the state in which that leaves its session.
struct FailedStatement {
    error: sqlx::Error,
    session: SessionState,
    used: bool,
}

impl Connections {
    /// `prepared` says whether sessions keep prepared statements.
    pub(crate) fn new(source: Source, prepared: bool, most: u32, patience: Duration) -> Self {
        let permits = Semaphore::new(most as usize);
        Self { source, mode: CurrentMode::new(prepared), permits, most, patience }
    }

    /// Executes one statement, and repeats it where that is safe.
    pub(crate) async fn fetch(&self, statement: &Statement) -> Result<Fetched, StoreError> {
        let fetched = timeout(self.patience, self.fetch_with_retries(statement)).await;
        fetched.unwrap_or_else(|_| {
            self.verify_all();
            Err(timed_out())
        })
    }

    /// The rows of a statement.
    pub(crate) async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, StoreError> {
        Ok(self.fetch(statement).await?.rows)
    }

    /// The rows of a statement that a function of the schema may refuse.
    pub(crate) async fn rows_or_refusal(
        &self,
        statement: &Statement,
    ) -> Result<Result<Vec<PgRow>, Refusal>, StoreError> {
        let fetched = self.fetch(statement).await?;
        Ok(fetched.refused.map_or(Ok(fetched.rows), Err))
    }

    async fn fetch_with_retries(&self, statement: &Statement) -> Result<Fetched, StoreError> {
        let permit = self.permit().await?;
        let (mut conflicts, mut losses, mut renewals) = (0, 0, 0);
        loop {
            let mode = self.mode.get();
            let FailedStatement { error, session, used } = match self.fetch_once(statement, mode).await {
                Ok(rows) => {
                    drop(permit);
                    return Ok(Fetched { rows, refused: None, repeated: losses > 0 });
                }
                Err(failed) => failed,
            };
            if let Some(refused) = refused(&error) {
                return Ok(Fetched { rows: Vec::new(), refused: Some(refused), repeated: losses > 0 });
            }
            if self.mode.learn(mode, &error) {
                // The next execution is in the new mode.
            } else if is_conflict(&error) && conflicts < CONFLICTS {
                conflicts += 1;
                tokio::time::sleep(Duration::from_millis(1 << conflicts.min(5))).await;
            } else if session == SessionState::Lost && statement.repeatable && losses < LOSSES {
                losses += 1;
            } else if session == SessionState::Unusable
                && used
                && !gave_up(&error)
                && renewals < self.source.stale_sessions()
            {
                renewals += 1;
            } else {
                return Err(explain(error));
            }
        }
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.permits.acquire().await.map_err(|_| closed())
    }

    async fn fetch_once(&self, statement: &Statement, mode: Mode) -> Result<Vec<PgRow>, FailedStatement> {
        let mut checkout = self.source.acquire().await.map_err(|error| {
            let session = if is_away(&error) { SessionState::Lost } else { SessionState::Usable };
            FailedStatement { error, session, used: false }
        })?;
        let used = checkout.was_used();
        let fetched = mode.fetch(statement, &mut checkout).await;
        let fetched = fetched.map_err(|error| FailedStatement { session: session(&error), error, used });
        match &fetched {
            Err(failed) if failed.session != SessionState::Usable => {
                self.source.discard(checkout);
                // The idle connections are no better.
                if let Some(own) = self.source.own().filter(|_| !gave_up(&failed.error)) {
                    own.discard_idle();
                }
            }
            _ => self.source.release(checkout),
        }
        fetched
    }

    /// Has each idle connection pinged before it is used: the server may no longer be reachable over it.
    pub(crate) fn verify_all(&self) {
        if let Some(own) = self.source.own() {
            own.verify_all();
        }
    }

    /// Closes connections that are too old or idle for too long, until the future is dropped.
    pub(crate) async fn sweep(&self) {
        if let Some(own) = self.source.own() {
            own.sweep().await;
        }
    }

    /// Waits for the operations that run, starts no more, and closes the store's own connections.
    pub(crate) async fn close(&self) {
        // This fails if the store is closed already.
        let Ok(permits) = self.permits.acquire_many(self.most).await else {
            return;
        };
        self.permits.close();
        drop(permits);
        if let Some(own) = self.source.own() {
            own.close_all().await;
        }
    }
}
