//! The store's own connections: made when they are needed, and closed when they are old or idle for long.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

/// A connection that was idle for longer is pinged before it is used.
const FRESH: Duration = Duration::from_secs(1);
/// The timeout of the ping. Over a connection that a NAT has forgotten, no answer ever comes.
const PING: Duration = Duration::from_secs(1);
/// By how many percent lifetimes differ at most, so that connections made together are not replaced together.
const SPREAD: u32 = 10;
/// The shortest and the longest time between two sweeps.
const SWEEP: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// How long a connection lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Since it was made.
    pub(crate) lifetime: Duration,
    /// Unused.
    pub(crate) idle: Duration,
}

#[derive(Debug)]
pub(crate) struct OwnPool {
    options: Box<PgConnectOptions>,
    limits: Limits,
    ping_timeout: Duration,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The connection that was used last is the last.
    connections: Vec<OwnConnection>,
    /// How often all were discarded. A connection of an earlier generation is closed when it is released.
    generation: u64,
}

/// A connection, in use or idle.
#[derive(Debug)]
pub(crate) struct OwnConnection {
    pub(crate) connection: PgConnection,
    /// Whether it was used before.
    pub(crate) used: bool,
    idle_since: Instant,
    expires_at: Instant,
    generation: u64,
    unverified: bool,
}

impl OwnPool {
    pub(crate) fn new(options: PgConnectOptions, limits: Limits, patience: Duration) -> Self {
        // A short patience leaves time to connect again.
        let ping_timeout = PING.min(patience / 4);
        Self { options: Box::new(options), limits, ping_timeout, idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The idle connection that was used last, or a new one.
    pub(crate) async fn acquire(&self) -> sqlx::Result<OwnConnection> {
        loop {
            // A binding of its own, because the lock must not last across the ping.
            let idle = self.idle().connections.pop();
            let Some(mut connection) = idle else { break };
            if self.is_over(&connection) {
                continue;
            }
            if !connection.unverified && connection.idle_since.elapsed() < FRESH {
                return Ok(connection);
            }
            if matches!(timeout(self.ping_timeout, connection.connection.ping()).await, Ok(Ok(()))) {
                connection.unverified = false;
                return Ok(connection);
            }
            // The other idle connections have the same fault.
            self.discard_idle();
        }
        let connection = PgConnection::connect_with(&self.options).await?;
        Ok(self.adopt(connection))
    }

    /// Takes charge of a new connection.
    pub(crate) fn adopt(&self, connection: PgConnection) -> OwnConnection {
        let now = Instant::now();
        let lifetime = self.limits.lifetime;
        let expires_at = now + lifetime / 100 * fastrand::u32(100 - SPREAD..=100);
        let generation = self.idle().generation;
        OwnConnection { connection, used: false, idle_since: now, expires_at, generation, unverified: false }
    }

    /// Keeps it for the next operation, unless all were discarded meanwhile.
    pub(crate) fn release(&self, mut connection: OwnConnection) {
        (connection.used, connection.idle_since) = (true, Instant::now());
        let mut idle = self.idle();
        if connection.generation == idle.generation {
            idle.connections.push(connection);
        }
    }

    fn is_over(&self, connection: &OwnConnection) -> bool {
        Instant::now() >= connection.expires_at || connection.idle_since.elapsed() >= self.limits.idle
    }

    /// Closes the idle connections, and those in use when they are released.
    pub(crate) fn discard_idle(&self) {
        let mut idle = self.idle();
        idle.generation += 1;
        idle.connections.clear();
    }

    /// Has each idle connection pinged before it is used.
    pub(crate) fn verify_all(&self) {
        self.idle().connections.iter_mut().for_each(|connection| connection.unverified = true);
    }

    /// Closes connections that are too old or idle for too long, until the future is dropped.
    pub(crate) async fn sweep(&self) {
        let every = (self.limits.idle.min(self.limits.lifetime) / 4).clamp(SWEEP.0, SWEEP.1);
        loop {
            sleep(every).await;
            let over: Vec<_> =
                self.idle().connections.extract_if(.., |connection| self.is_over(connection)).collect();
            self.close(over).await;
        }
    }

    pub(crate) async fn close_all(&self) {
        let idle = std::mem::take(&mut self.idle().connections);
        self.close(idle).await;
    }

    async fn close(&self, over: Vec<OwnConnection>) {
        for connection in over {
            // If this fails, the server notices by itself.
            drop(timeout(self.ping_timeout, connection.connection.close()).await);
        }
    }
}
