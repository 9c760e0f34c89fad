use std::time::Duration;

use martello_outcome::Outcome;

use crate::Reason;

/// The phase of a worker's life.
///
/// ```
/// use martello_outbox::{MemoryStore, Outbox, WorkerPhase};
///
/// let worker = Outbox::new(MemoryStore::new()).worker(());
/// assert_eq!(worker.monitor().health().phase, WorkerPhase::Starting);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkerPhase {
    /// It was not polled yet.
    #[default]
    Starting,
    /// It claims and delivers.
    Running,
    /// It shuts down: it claims nothing more, and waits for the requests on the wire.
    Draining,
    /// It has ended, or was dropped.
    Stopped,
}

/// A worker's health: what it does now, and counters since its start.
///
/// ```
/// use martello_outbox::{MemoryStore, Outbox, Reason};
///
/// let worker = Outbox::new(MemoryStore::new()).worker(());
/// let health = worker.monitor().health();
/// assert!(!health.is_healthy(), "it was not started");
/// assert_eq!((health.delivered, health.dead_letters(Reason::Rejected)), (0, 0));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerHealth {
    /// The phase of its life.
    pub phase: WorkerPhase,
    /// Deliveries that run now.
    pub in_flight: usize,
    /// The most deliveries at a time, over all workers of the queue.
    pub cap: usize,
    /// How long ago the last turn at the store succeeded; `None` if none has.
    pub since_last_turn: Option<Duration>,
    /// Whether the last turn failed.
    pub store_failing: bool,
    /// Failed deliveries in a row to one authority; of several, the most. Failures of the worker's own stack
    /// do not count.
    ///
    /// It is zero again once the authority accepts or rejects a request, or some minutes after the last
    /// failure and its hold.
    pub failures_in_row: u32,
    /// Whether a probe is in flight: the first delivery after a hold, which finds out whether the authority
    /// is back.
    pub probing: bool,
    /// How long the last claimed entry had been due.
    pub last_pickup: Option<Duration>,
    /// Entries delivered.
    pub delivered: u64,
    /// Entries given back because nothing was sent.
    pub given_back: u64,
    /// Settlements that the store ignored because the lease was lost before.
    pub fenced: u64,
    /// Deliveries cancelled because their lease was lost or could not be renewed in time.
    pub lost: u64,
    /// Store operations that failed.
    pub store_failures: u64,
    deferred: [u64; Outcome::ALL.len()],
    dead_letters: [u64; Reason::ALL.len()],
}

impl WorkerHealth {
    /// How many attempts ended with this outcome and will be followed by another attempt at the entry.
    ///
    /// ```
    /// # use martello_outbox::{MemoryStore, Outbox, Outcome};
    /// # let worker = Outbox::new(MemoryStore::new()).worker(());
    /// assert_eq!(worker.monitor().health().deferred(Outcome::Unavailable), 0);
    /// ```
    #[must_use]
    pub fn deferred(&self, outcome: Outcome) -> u64 {
        pick(Outcome::ALL, &self.deferred, outcome)
    }

    /// How many entries became dead letters for this reason in this worker's turns.
    #[must_use]
    pub fn dead_letters(&self, reason: Reason) -> u64 {
        pick(Reason::ALL, &self.dead_letters, reason)
    }

    /// Whether the worker runs and its last turn succeeded.
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
    let index = all.iter().position(|each| *each == one);
    index.and_then(|index| counts.get(index)).copied().unwrap_or_default()
}

fn count<T: Copy + PartialEq>(all: &[T], counts: &mut [u64], one: T) {
    let index = all.iter().position(|each| *each == one);
    if let Some(count) = index.and_then(|index| counts.get_mut(index)) {
        *count += 1;
    }
}
