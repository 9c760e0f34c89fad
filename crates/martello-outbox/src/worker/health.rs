use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use martello_outcome::Outcome;
use tokio::{task::Id, time::Instant};

use super::in_flight::InFlight;
use crate::Reason;

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerPhase {
    /// It was not polled yet.
    #[default]
    Starting,
    /// It claims and delivers.
    Running,
    /// It claims nothing any more, and waits for what is on the wire.
    Draining,
    /// It has ended, or was dropped.
    Stopped,
}

/// How a worker stands, and what it has done since it was started.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerHealth {
    /// Where it is in its life.
    pub phase: WorkerPhase,
    /// Deliveries under way.
    pub in_flight: usize,
    /// How many there may be, over all workers of the queue.
    pub cap: usize,
    /// How long ago the store last did what it was asked for; `None` if it never has.
    pub since_last_turn: Option<Duration>,
    /// Whether the store fails at present.
    pub store_failing: bool,
    /// Deliveries in a row that failed because of how their API is: the most that one API has. They count
    /// until it accepts or rejects a request, or until some minutes after the last of them and the hold that followed.
    pub failures_in_row: u32,
    /// Whether one of its deliveries is a probe: the first after a hold, which is to show whether the API is back.
    pub probing: bool,
    /// How long the last claimed entry had been due.
    pub last_pickup: Option<Duration>,
    /// Entries delivered.
    pub delivered: u64,
    /// Entries given back because nothing was sent.
    pub given_back: u64,
    /// Results that result after their lease was lost, and changed nothing.
    pub fenced: u64,
    /// Deliveries dropped because their lease was lost, or could not be renewed in time.
    pub lost: u64,
    /// Operations of the store that failed.
    pub store_failures: u64,
    deferred: [u64; Outcome::ALL.len()],
    dead_letters: [u64; Reason::ALL.len()],
}

impl WorkerHealth {
    /// How many attempts ended like this after which the entry is to be delivered again.
    #[must_use]
    pub fn deferred(&self, outcome: Outcome) -> u64 {
        pick(Outcome::ALL, &self.deferred, outcome)
    }

    /// How many entries became dead letters for this reason, as far as this worker found out.
    #[must_use]
    pub fn dead_letters(&self, reason: Reason) -> u64 {
        pick(Reason::ALL, &self.dead_letters, reason)
    }

    /// Whether it works: it runs, and its store answers.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.phase == WorkerPhase::Running && !self.store_failing
    }

    pub(super) fn count_deferred(&mut self, outcome: Outcome) {
        count(Outcome::ALL, &mut self.deferred, outcome);
    }

    pub(super) fn count_dead_letter(&mut self, reason: Reason) {
        count(Reason::ALL, &mut self.dead_letters, reason);
    }
}

fn pick<T: Copy + PartialEq>(all: &[T], counts: &[u64], one: T) -> u64 {
    let place = all.iter().position(|each| *each == one);
    place.and_then(|place| counts.get(place)).copied().unwrap_or_default()
}

fn count<T: Copy + PartialEq>(all: &[T], counts: &mut [u64], one: T) {
    let place = all.iter().position(|each| *each == one);
    if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
        *count += 1;
    }
}

/// Tells how a worker stands. A clone tells of the same; the worker goes on without it, and it without the worker.
#[derive(Clone)]
pub struct WorkerMonitor(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    health: WorkerHealth,
    last_turn: Option<Instant>,
}

impl WorkerMonitor {
    pub(super) fn new(cap: usize) -> Self {
        let health = WorkerHealth { cap, ..WorkerHealth::default() };
        Self(Arc::new(Mutex::new(Seen { health, last_turn: None })))
    }

    /// How it stands now.
    #[must_use]
    pub fn health(&self) -> WorkerHealth {
        let seen = self.seen();
        let since_last_turn = seen.last_turn.map(|last| last.elapsed());
        WorkerHealth { since_last_turn, ..seen.health.clone() }
    }

    pub(super) fn update<T>(&self, update: impl FnOnce(&mut WorkerHealth) -> T) -> T {
        update(&mut self.seen().health)
    }

    /// What is in in_flight has changed.
    pub(super) fn flying(&self, in_flight: &HashMap<Id, InFlight>) {
        self.update(|health| {
            health.in_flight = in_flight.len();
            health.probing = in_flight.values().any(|in_flight| in_flight.holds > 0);
        });
    }

    pub(super) fn turned(&self, now: Instant) {
        self.seen().last_turn = Some(now);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WorkerMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerMonitor").field(&self.health()).finish()
    }
}
