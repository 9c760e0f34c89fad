//! The way to the server: a few connections that are kept, or a pool that somebody else keeps.

use std::{
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use martello_outbox::StoreError;
use sqlx::{Connection, PgConnection, PgPool, Postgres, pool::PoolConnection, postgres::PgRow};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    fault::{
        Refusal, SessionState, closed, explain, gave_up, is_away, is_conflict, is_foreign_statement,
        is_wrong_isolation, refused, session, timed_out,
    },
    own_pool::{OwnConnection, OwnPool},
    statement::Statement,
};

/// How often something is done again that others were in the way of.
const CONFLICTS: u32 = 10;
/// How often something is done again whose connection was lost: once more than a lost connection may have been kept.
const LOSSES: u32 = 2;
/// How often something is done again whose session could not do it, over connections of the store's own: no other
/// that is as old is used after that.
const RENEWALS: u32 = 1;

/// How a transaction is begun by hand: an operation waits for locks first, and has to see what was done meanwhile.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

#[derive(Debug)]
pub(crate) struct Connections {
    source: Source,
    mode: CurrentMode,
    room: Semaphore,
    most: u32,
    patience: Duration,
}

/// How statements are done. The best way is one that not everything in between and every setting allows.
#[derive(Debug)]
struct CurrentMode {
    prepared: AtomicBool,
    explicit: AtomicBool,
}

/// How one is.
#[derive(Clone, Copy, Debug)]
struct Mode {
    /// Whether statements are prepared by a name, which sessions keep. They do not if others have the session between
    /// two transactions: then none may end between a statement and its values.
    prepared: bool,
    /// Whether transactions are begun by hand.
    explicit: bool,
}

#[derive(Debug)]
pub(crate) enum Source {
    Own(OwnPool),
    Pool(PgPool),
}

/// A connection in use. One of the store's own is closed unless it is [kept](Connections::keep) afterwards, and one
/// of a pool goes back to it unless it is [discarded](Held::discard).
enum Held {
    Own(OwnConnection),
    Pool(PoolConnection<Postgres>),
}

impl Held {
    /// Whether its session may be older than what the server is set to now.
    fn is_used(&self) -> bool {
        match self {
            Self::Own(kept) => kept.used,
            Self::Pool(_) => true,
        }
    }

    /// Nobody uses it again.
    fn discard(self) {
        if let Self::Pool(mut connection) = self {
            connection.close_on_drop();
        }
    }
}

impl CurrentMode {
    fn now(&self) -> Mode {
        Mode { prepared: self.prepared.load(Relaxed), explicit: self.explicit.load(Relaxed) }
    }

    /// Whether an error says that it was the mode that was wrong. From now on it is another.
    fn learn(&self, mode: Mode, error: &sqlx::Error) -> bool {
        let others = mode.prepared && is_foreign_statement(error);
        if others {
            self.prepared.store(false, Relaxed);
        }
        let wrong = others || !mode.explicit && is_wrong_isolation(error);
        if wrong {
            self.explicit.store(true, Relaxed);
        }
        wrong
    }
}

impl Mode {
    async fn fetch(self, statement: &Statement, connection: &mut PgConnection) -> sqlx::Result<Vec<PgRow>> {
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

/// A statement that failed, and what that means for the session in which it did.
struct FailedStatement {
    error: sqlx::Error,
    session: SessionState,
    used: bool,
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Own(kept) => &kept.connection,
            Self::Pool(connection) => connection,
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Own(kept) => &mut kept.connection,
            Self::Pool(connection) => connection,
        }
    }
}

/// What came of a statement.
pub(crate) struct Fetched {
    pub(crate) rows: Vec<PgRow>,
    refused: Option<Refusal>,
    /// It may have been done before this time, unheard of.
    pub(crate) repeated: bool,
}

impl Connections {
    /// With sessions that keep what was prepared, or do not.
    pub(crate) fn new(source: Source, prepared: bool, most: u32, patience: Duration) -> Self {
        let mode = CurrentMode { prepared: AtomicBool::new(prepared), explicit: AtomicBool::new(!prepared) };
        Self { source, mode, room: Semaphore::new(most as usize), most, patience }
    }

    /// Does one statement, and again where that is safe.
    pub(crate) async fn fetch(&self, statement: &Statement) -> Result<Fetched, StoreError> {
        let fetched = timeout(self.patience, self.fetch_with_retries(statement)).await;
        fetched.unwrap_or_else(|_| {
            self.verify_all();
            Err(timed_out())
        })
    }

    /// Has each connection that is kept asked before it is used: it may be that nothing comes back any more.
    pub(crate) fn verify_all(&self) {
        if let Source::Own(own) = &self.source {
            own.verify_all();
        }
    }

    /// How often something is done again whose session could not do it.
    fn renewals(&self) -> u32 {
        match &self.source {
            Source::Own(_) => RENEWALS,
            // Each that is kept may be such a one.
            Source::Pool(pool) => pool.options().get_max_connections(),
        }
    }

    /// The rows of a statement.
    pub(crate) async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, StoreError> {
        Ok(self.fetch(statement).await?.rows)
    }

    /// The rows of a statement that may be refused.
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
            let mode = self.mode.now();
            let FailedStatement { error, session, used } = match self.fetch_once(statement, mode).await {
                Ok(rows) => {
                    drop(permit);
                    return Ok(Fetched { rows, refused: None, repeated: losses > 0 });
                }
                Err(failure) => failure,
            };
            if let Some(refused) = refused(&error) {
                return Ok(Fetched { rows: Vec::new(), refused: Some(refused), repeated: losses > 0 });
            }
            if self.mode.learn(mode, &error) {
                // The next time, it is done in another mode.
            } else if is_conflict(&error) && conflicts < CONFLICTS {
                conflicts += 1;
                tokio::time::sleep(Duration::from_millis(1 << conflicts.min(5))).await;
            } else if session == SessionState::Lost && statement.repeatable && losses < LOSSES {
                losses += 1;
            } else if session == SessionState::Unusable
                && used
                && !gave_up(&error)
                && renewals < self.renewals()
            {
                renewals += 1;
            } else {
                return Err(explain(error));
            }
        }
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.room.acquire().await.map_err(|_| closed())
    }

    async fn fetch_once(&self, statement: &Statement, mode: Mode) -> Result<Vec<PgRow>, FailedStatement> {
        let mut held = self.take().await.map_err(|error| {
            let session = if is_away(&error) { SessionState::Lost } else { SessionState::Usable };
            FailedStatement { error, session, used: false }
        })?;
        let used = held.is_used();
        let fetched = mode.fetch(statement, &mut held).await;
        let fetched = fetched.map_err(|error| FailedStatement { session: session(&error), error, used });
        match &fetched {
            Err(failure) if failure.session != SessionState::Usable => {
                held.discard();
                if !gave_up(&failure.error) {
                    self.discard_idle();
                }
            }
            _ => self.keep(held),
        }
        fetched
    }

    async fn take(&self) -> sqlx::Result<Held> {
        Ok(match &self.source {
            Source::Own(own) => Held::Own(own.take().await?),
            Source::Pool(pool) => Held::Pool(pool.acquire().await?),
        })
    }

    fn keep(&self, held: Held) {
        if let (Held::Own(kept), Source::Own(own)) = (held, &self.source) {
            own.keep(kept);
        }
    }

    /// Uses none again that there is: it is as good as what was used.
    fn discard_idle(&self) {
        if let Source::Own(own) = &self.source {
            own.discard_idle();
        }
    }

    /// Closes what has lasted for long enough, for ever.
    pub(crate) async fn sweep(&self) {
        if let Source::Own(own) = &self.source {
            own.sweep().await;
        }
    }

    /// Waits for what is under way, lets nothing more begin, and closes the connections.
    pub(crate) async fn close(&self) {
        // It fails if it is closed already.
        let Ok(permits) = self.room.acquire_many(self.most).await else {
            return;
        };
        self.room.close();
        drop(permits);
        if let Source::Own(own) = &self.source {
            own.close_all().await;
        }
    }
}
