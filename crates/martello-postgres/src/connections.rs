//! The way to the server: a few connections that are kept, or a pool that somebody else keeps.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use martello_outbox::StoreError;
use sqlx::{
    Connection, PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

use crate::{
    fault::{Refused, closed, code, explain, is_conflict, is_lost, late, refused},
    migrate::Defaults,
    statement::Statement,
};

/// A connection that was not used for longer is asked first whether the server is still there.
const FRESH: Duration = Duration::from_secs(1);
/// How often something is done again that others were in the way of.
const CONFLICTS: u32 = 10;
/// How often something is done again whose connection was lost: once more than a lost connection may have been kept.
const LOSSES: u32 = 2;

#[derive(Debug)]
pub(crate) struct Connections {
    source: Source,
    room: Semaphore,
    most: u32,
    patience: Duration,
}

#[derive(Debug)]
enum Source {
    Own { options: Box<PgConnectOptions>, defaults: Defaults, idle: Mutex<Vec<(PgConnection, Instant)>> },
    Pool(PgPool),
}

/// A connection in use. Unless it is [kept](Connections::keep) afterwards, it is closed.
enum Held {
    Own(PgConnection),
    Pool(PoolConnection<Postgres>),
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Pool(connection) => connection,
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Own(connection) => connection,
            Self::Pool(connection) => connection,
        }
    }
}

/// What came of a statement.
pub(crate) struct Fetched {
    pub(crate) rows: Vec<PgRow>,
    refused: Option<Refused>,
    /// It may have been done before this time, unheard of.
    pub(crate) repeated: bool,
}

impl Connections {
    /// Connections of the store's own: what they need and the role's defaults are not, each is told.
    pub(crate) fn own(options: PgConnectOptions, defaults: Defaults, most: u32, patience: Duration) -> Self {
        let source = Source::Own { options: Box::new(options), defaults, idle: Mutex::default() };
        Self { source, room: Semaphore::new(most as usize), most, patience }
    }

    pub(crate) fn pool(pool: PgPool, most: u32, patience: Duration) -> Self {
        Self { source: Source::Pool(pool), room: Semaphore::new(most as usize), most, patience }
    }

    /// Does one statement, and again where that is safe.
    pub(crate) async fn fetch(&self, statement: &Statement) -> Result<Fetched, StoreError> {
        let fetched = timeout(self.patience, self.fetch_somehow(statement)).await;
        fetched.unwrap_or_else(|_| Err(late()))
    }

    /// The rows of a statement.
    pub(crate) async fn rows(&self, statement: &Statement) -> Result<Vec<PgRow>, StoreError> {
        Ok(self.fetch(statement).await?.rows)
    }

    /// The rows of a statement that may be refused.
    pub(crate) async fn asked(
        &self,
        statement: &Statement,
    ) -> Result<Result<Vec<PgRow>, Refused>, StoreError> {
        let fetched = self.fetch(statement).await?;
        Ok(fetched.refused.map_or(Ok(fetched.rows), Err))
    }

    async fn fetch_somehow(&self, statement: &Statement) -> Result<Fetched, StoreError> {
        let permit = self.permit().await?;
        let (mut conflicts, mut losses) = (0, 0);
        loop {
            match self.fetch_once(statement).await {
                Ok(rows) => {
                    drop(permit);
                    return Ok(Fetched { rows, refused: None, repeated: losses > 0 });
                }
                Err(error) if refused(&error).is_some() => {
                    return Ok(Fetched { rows: Vec::new(), refused: refused(&error), repeated: losses > 0 });
                }
                Err(error) if is_conflict(&error) && conflicts < CONFLICTS => {
                    conflicts += 1;
                    tokio::time::sleep(Duration::from_millis(1 << conflicts.min(5))).await;
                }
                Err(error) if is_lost(&error) && statement.repeatable && losses < LOSSES => {
                    losses += 1;
                    self.forget();
                }
                Err(error) => return Err(explain(error)),
            }
        }
    }

    async fn permit(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.room.acquire().await.map_err(|_| closed())
    }

    async fn fetch_once(&self, statement: &Statement) -> sqlx::Result<Vec<PgRow>> {
        let mut held = self.take().await?;
        let fetched = statement.fetch(&mut held).await;
        // After what the server has refused, the connection is as good as before.
        if fetched.as_ref().map_or_else(|error| code(error).is_some() && !is_lost(error), |_| true) {
            self.keep(held);
        }
        fetched
    }

    async fn take(&self) -> sqlx::Result<Held> {
        let (options, defaults, idle) = match &self.source {
            Source::Pool(pool) => return Ok(Held::Pool(pool.acquire().await?)),
            Source::Own { options, defaults, idle } => (options, defaults, idle),
        };
        loop {
            // The one that was used last.
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match kept {
                Some((connection, since)) if since.elapsed() < FRESH => return Ok(Held::Own(connection)),
                Some((mut connection, _)) => {
                    if connection.ping().await.is_ok() {
                        return Ok(Held::Own(connection));
                    }
                }
                None => break,
            }
        }
        let mut connection = PgConnection::connect_with(options).await?;
        if !defaults.durable {
            sqlx::query("SET synchronous_commit TO on").execute(&mut connection).await?;
        }
        if !defaults.sees_commits {
            let set = "SET default_transaction_isolation TO 'read committed'";
            sqlx::query(set).execute(&mut connection).await?;
        }
        Ok(Held::Own(connection))
    }

    fn keep(&self, held: Held) {
        if let (Held::Own(connection), Source::Own { idle, .. }) = (held, &self.source) {
            idle.lock().unwrap_or_else(PoisonError::into_inner).push((connection, Instant::now()));
        }
    }

    /// Closes what is kept: it was lost together with what was used.
    fn forget(&self) {
        if let Source::Own { idle, .. } = &self.source {
            idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
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
        let Source::Own { idle, .. } = &self.source else {
            return;
        };
        let idle = std::mem::take(&mut *idle.lock().unwrap_or_else(PoisonError::into_inner));
        for (connection, _) in idle {
            // The server notices if it is not told.
            drop(connection.close().await);
        }
    }
}
