//! The connections of a store's own: made when they are needed, kept for a while, never for ever.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use tokio::time::{Instant, sleep, timeout};

/// A connection that was not used for longer is asked first whether the server is still there.
const FRESH: Duration = Duration::from_secs(1);
/// How long that may take. A connection that a NAT has forgotten says nothing for ever.
const CHECK: Duration = Duration::from_secs(1);
/// By how much the lifetimes of connections that were made at once differ, in percent: they are not all made again at
/// once.
const SPREAD: u32 = 10;
/// How often it is looked for connections that are to be closed, at the least and at the most.
const SWEEP: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// How long connections last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In all.
    pub(crate) lifetime: Duration,
    /// Unused.
    pub(crate) idle: Duration,
}

#[derive(Debug)]
pub(crate) struct OwnPool {
    options: Box<PgConnectOptions>,
    limits: Limits,
    /// How long a connection may take to say that it is there.
    check: Duration,
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The one that was used last is the last.
    kept: Vec<OwnConnection>,
    /// How often all were forgotten. One that is older, and in use meanwhile, is forgotten as well.
    generation: u64,
}

/// One that is in use, or waits to be used.
#[derive(Debug)]
pub(crate) struct OwnConnection {
    pub(crate) connection: PgConnection,
    /// Whether it was used before.
    pub(crate) used: bool,
    since: Instant,
    ends: Instant,
    generation: u64,
    unverified: bool,
}

impl OwnPool {
    pub(crate) fn new(options: PgConnectOptions, limits: Limits, patience: Duration) -> Self {
        // With little patience, there has to be time left for another connection.
        let check = CHECK.min(patience / 4);
        Self { options: Box::new(options), limits, check, idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that was used last, or a new one.
    pub(crate) async fn take(&self) -> sqlx::Result<OwnConnection> {
        loop {
            // Bound, or the lock would be held.
            let kept = self.idle().kept.pop();
            let Some(mut kept) = kept else { break };
            if self.is_over(&kept) {
                continue;
            }
            if !kept.unverified && kept.since.elapsed() < FRESH {
                return Ok(kept);
            }
            if matches!(timeout(self.check, kept.connection.ping()).await, Ok(Ok(()))) {
                kept.unverified = false;
                return Ok(kept);
            }
            // What went wrong with this one went wrong with the others.
            self.discard_idle();
        }
        let connection = PgConnection::connect_with(&self.options).await?;
        Ok(self.made(connection))
    }

    pub(crate) fn made(&self, connection: PgConnection) -> OwnConnection {
        let now = Instant::now();
        let lifetime = self.limits.lifetime;
        let ends = now + lifetime / 100 * fastrand::u32(100 - SPREAD..=100);
        let generation = self.idle().generation;
        OwnConnection { connection, used: false, since: now, ends, generation, unverified: false }
    }

    /// Keeps it for the next, unless it was forgotten.
    pub(crate) fn keep(&self, mut kept: OwnConnection) {
        (kept.used, kept.since) = (true, Instant::now());
        let mut idle = self.idle();
        if kept.generation == idle.generation {
            idle.kept.push(kept);
        }
    }

    fn is_over(&self, kept: &OwnConnection) -> bool {
        Instant::now() >= kept.ends || kept.since.elapsed() >= self.limits.idle
    }

    /// Closes what is kept, and what is in use when it is given back: it is as good as what was used.
    pub(crate) fn discard_idle(&self) {
        let mut idle = self.idle();
        idle.generation += 1;
        idle.kept.clear();
    }

    /// Has each that is kept asked before it is used.
    pub(crate) fn verify_all(&self) {
        self.idle().kept.iter_mut().for_each(|kept| kept.unverified = true);
    }

    /// Closes what has lasted for long enough, for ever.
    pub(crate) async fn sweep(&self) {
        let every = (self.limits.idle.min(self.limits.lifetime) / 4).clamp(SWEEP.0, SWEEP.1);
        loop {
            sleep(every).await;
            let over: Vec<_> = self.idle().kept.extract_if(.., |kept| self.is_over(kept)).collect();
            self.close(over).await;
        }
    }

    pub(crate) async fn close_all(&self) {
        let idle = std::mem::take(&mut self.idle().kept);
        self.close(idle).await;
    }

    async fn close(&self, over: Vec<OwnConnection>) {
        for kept in over {
            // The server notices if it is not told.
            drop(timeout(self.check, kept.connection.close()).await);
        }
    }
}
