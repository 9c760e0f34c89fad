//! How many deliveries a worker makes at a time, and when it has an API held. No I/O, no clock, no sleeping.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::policy::half_jitter;
use crate::Held;

const HOLD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// The pace of one worker.
#[derive(Debug)]
pub(super) struct Pace {
    concurrency: usize,
    hold_after: u32,
    /// Failures in a row, by authority.
    streaks: HashMap<String, u32>,
    /// Times in a row that the user's stack would not take a request.
    refusals: u32,
    /// Nothing is claimed before.
    rest_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(concurrency: usize, hold_after: u32) -> Self {
        Self { concurrency, hold_after, streaks: HashMap::new(), refusals: 0, rest_until: None }
    }

    /// How many more may be claimed beside those in flight.
    pub(super) fn room(&self, in_flight: usize, now: Instant) -> usize {
        let allowed = if self.resting(now).is_some() { 0 } else { self.concurrency };
        allowed.saturating_sub(in_flight)
    }

    /// Until when it rests, if it does.
    pub(super) fn resting(&self, now: Instant) -> Option<Instant> {
        self.rest_until.filter(|until| *until > now)
    }

    /// The most failures in a row that an authority has.
    pub(super) fn streak(&self) -> u32 {
        self.streaks.values().copied().max().unwrap_or_default()
    }

    /// Something was claimed for an authority that is not held: if this worker had it held, another has found it well.
    pub(super) fn claimed(&mut self, authority: &str) {
        if self.streaks.get(authority).is_some_and(|streak| *streak >= self.hold_after) {
            self.streaks.remove(authority);
        }
    }

    /// The API has taken a request, or understood it and will not.
    pub(super) fn well(&mut self, authority: &str) {
        self.streaks.remove(authority);
        self.refusals = 0;
    }

    /// A delivery failed that was claimed after so many holds in a row: how long to hold its authority now, if at all; and how
    /// many failures in a row that are.
    pub(super) fn failed(
        &mut self,
        authority: &str,
        holds: u32,
        retry_after: Duration,
        lot: f64,
    ) -> Option<(Duration, u32)> {
        self.refusals = 0;
        if self.streaks.len() >= Held::MOST && !self.streaks.contains_key(authority) {
            // What is forgotten costs its API some more failures before it is held.
            self.streaks.clear();
        }
        let streak = self.streaks.entry(authority.to_owned()).or_default();
        *streak = streak.saturating_add(1);
        (holds > 0 || *streak == self.hold_after).then(|| (hold(holds, retry_after, lot), *streak))
    }

    /// The user's stack would not take a request: to offer it another at once would be the same again.
    pub(super) fn refused(&mut self, now: Instant, lot: f64) {
        if self.resting(now).is_none() {
            self.refusals = self.refusals.saturating_add(1);
            self.rest_until = Some(now + half_jitter(REST.0, REST.1, self.refusals, lot));
        }
    }
}

/// How long to hold an authority after so many holds in a row.
pub(super) fn hold(holds: u32, retry_after: Duration, lot: f64) -> Duration {
    half_jitter(HOLD.0, HOLD.1, holds.saturating_add(1), lot).max(retry_after).min(HOLD.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_apis_is_bounded() {
        let mut pace = Pace::new(5, 3);
        for number in 0..10 * Held::MOST {
            assert_eq!(pace.failed(&format!("api-{number}.example"), 0, Duration::ZERO, 0.5), None);
            assert!(pace.streaks.len() <= Held::MOST);
        }
        // One that is known goes on to count.
        let known = format!("api-{}.example", 10 * Held::MOST - 1);
        assert_eq!(pace.failed(&known, 0, Duration::ZERO, 0.0), None);
        assert_eq!(pace.failed(&known, 0, Duration::ZERO, 0.0), Some((HOLD.0, 3)));
    }
}
