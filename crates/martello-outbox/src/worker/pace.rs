//! How many deliveries a worker makes at a time: as many as it may, one to try whether the server is back, or none. No
//! I/O, no clock, no sleeping.

use std::time::Duration;

use tokio::time::Instant;

use super::policy::half_jitter;

const HOLD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// The pace of one worker.
#[derive(Debug)]
pub(super) struct Pace {
    concurrency: usize,
    hold_after: u32,
    /// Failures in a row.
    streak: u32,
    /// Holds in a row. What was claimed under an earlier number says nothing about whether the server is back.
    holds: u32,
    /// For how long the queue is to be held, while the store has not heard of it yet.
    holding: Option<Duration>,
    /// Times in a row that the user's stack would not take a request.
    refusals: u32,
    /// Nothing is claimed before.
    rest_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(concurrency: usize, hold_after: u32) -> Self {
        Self { concurrency, hold_after, streak: 0, holds: 0, holding: None, refusals: 0, rest_until: None }
    }

    /// How many more may be claimed beside those in flight.
    pub(super) fn room(&self, in_flight: usize, now: Instant) -> usize {
        let allowed = match (self.holding.is_some() || self.resting(now).is_some(), self.is_probing()) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => self.concurrency,
        };
        allowed.saturating_sub(in_flight)
    }

    /// Until when it rests, if it does.
    pub(super) fn resting(&self, now: Instant) -> Option<Instant> {
        self.rest_until.filter(|until| *until > now)
    }

    /// What a claim of now is made under.
    pub(super) fn generation(&self) -> u32 {
        self.holds
    }

    /// Whether it tries with one delivery at a time.
    pub(super) fn is_probing(&self) -> bool {
        self.holds > 0
    }

    /// Failures in a row.
    pub(super) fn streak(&self) -> u32 {
        self.streak
    }

    /// The server has taken a request, or understood it and will not.
    pub(super) fn well(&mut self) {
        self.streak = 0;
        self.holds = 0;
        self.refusals = 0;
    }

    /// A delivery failed that was claimed under this generation: how long to hold the queue now, if at all.
    pub(super) fn failed(&mut self, generation: u32, retry_after: Duration, lot: f64) -> Option<Duration> {
        self.refusals = 0;
        self.streak = self.streak.saturating_add(1);
        if self.streak < self.hold_after || generation != self.holds || self.holding.is_some() {
            return None;
        }
        self.holds = self.holds.saturating_add(1);
        let wait = half_jitter(HOLD.0, HOLD.1, self.holds, lot).max(retry_after).min(HOLD.1);
        self.holding = Some(wait);
        self.holding
    }

    /// The store was told to hold the queue, and lets nobody claim. If it could not be, this worker at least rests.
    pub(super) fn held(&mut self, told: bool, now: Instant) {
        let wait = self.holding.take().filter(|_| !told);
        self.rest_until = self.rest_until.max(wait.map(|wait| now + wait));
    }

    /// The user's stack would not take a request: to offer it another at once would be the same again.
    pub(super) fn refused(&mut self, now: Instant, lot: f64) {
        if self.resting(now).is_none() {
            self.refusals = self.refusals.saturating_add(1);
            self.rest_until = Some(now + half_jitter(REST.0, REST.1, self.refusals, lot));
        }
    }
}
