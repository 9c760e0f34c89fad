//! How many deliveries a worker makes at a time, and when it has an API held. No I/O, no clock, no sleeping.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::policy::{asked_for, half_jitter};
use crate::Held;

const HOLD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long after a failure, the hold that follows from it and the next attempt it is told of an API that it fails.
const RECENT: Duration = Duration::from_secs(60);
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
const SHORT_REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The pace of one worker.
#[derive(Debug)]
pub(super) struct Pace {
    concurrency: usize,
    hold_after: u32,
    attempt_timeout: Duration,
    /// By authority.
    streaks: HashMap<String, Streak>,
    /// Times in a row that the user's stack would not take a request.
    refusals: u32,
    /// Nothing is claimed before.
    rest_until: Option<Instant>,
}

/// Failures of an authority in a row.
#[derive(Debug)]
struct Streak {
    failures: u32,
    /// When the last was.
    last: Instant,
    /// How long it had the authority held.
    held: Duration,
}

impl Pace {
    pub(super) fn new(concurrency: usize, hold_after: u32, attempt_timeout: Duration) -> Self {
        let streaks = HashMap::new();
        Self { concurrency, hold_after, attempt_timeout, streaks, refusals: 0, rest_until: None }
    }

    /// How many more may be claimed beside those in in_flight.
    pub(super) fn room(&self, in_flight: usize, now: Instant) -> usize {
        let allowed = if self.resting(now).is_some() { 0 } else { self.concurrency };
        allowed.saturating_sub(in_flight)
    }

    /// Until when it rests, if it does.
    pub(super) fn resting(&self, now: Instant) -> Option<Instant> {
        self.rest_until.filter(|until| *until > now)
    }

    /// The most failures in a row that an authority has, of those that are asked still. For a hold all count: the more
    /// APIs do not answer, the longer it takes until the next attempt at each.
    pub(super) fn streak(&self, now: Instant) -> u32 {
        let next = self.attempt_timeout + RECENT;
        let recent = self.streaks.values().filter(|streak| now < streak.last + streak.held + next);
        recent.map(|streak| streak.failures).max().unwrap_or_default()
    }

    /// Something was claimed for an authority that is not held: if this worker had it held, another has found it well.
    pub(super) fn claimed(&mut self, authority: &str) {
        if self.streaks.get(authority).is_some_and(|streak| streak.failures >= self.hold_after) {
            self.streaks.remove(authority);
        }
    }

    /// The API has taken a request, or understood it and will not.
    pub(super) fn well(&mut self, authority: &str) {
        self.streaks.remove(authority);
        self.refusals = 0;
    }

    /// A delivery failed that was claimed after so many holds in a row: how long to hold its authority now, if at all;
    /// and how many failures in a row that are.
    pub(super) fn failed(
        &mut self,
        authority: &str,
        holds: u32,
        retry_after: Duration,
        (now, jitter): (Instant, f64),
    ) -> Option<(Duration, u32)> {
        self.refusals = 0;
        if self.streaks.len() >= Held::MOST && !self.streaks.contains_key(authority) {
            // What is forgotten costs its API some more failures before it is held.
            let oldest = self.streaks.iter().min_by_key(|(_, streak)| streak.last);
            let oldest = oldest.map(|(authority, _)| authority.clone());
            oldest.map(|authority| self.streaks.remove(&authority));
        }
        let new = Streak { failures: 0, last: now, held: Duration::ZERO };
        let streak = self.streaks.entry(authority.to_owned()).or_insert(new);
        streak.failures = streak.failures.saturating_add(1);
        streak.last = now;
        let wait =
            (holds > 0 || streak.failures == self.hold_after).then(|| hold(holds, retry_after, jitter));
        streak.held = wait.unwrap_or_default();
        wait.map(|wait| (wait, streak.failures))
    }

    /// The user's stack would not take a request: to offer it another at once would be the same again.
    pub(super) fn refused(&mut self, now: Instant, jitter: f64) {
        self.rest(now, REST, jitter);
    }

    /// The user's stack could not try a request of an API that was not held, which it is from now on: of others, it
    /// may. Where there are more such APIs than a store remembers holds, this is what keeps the worker from spinning.
    pub(super) fn untried(&mut self, now: Instant, jitter: f64) {
        self.rest(now, SHORT_REST, jitter);
    }

    fn rest(&mut self, now: Instant, (base, cap): (Duration, Duration), jitter: f64) {
        if self.resting(now).is_none() {
            self.refusals = self.refusals.saturating_add(1);
            self.rest_until = Some(now + half_jitter(base, cap, self.refusals, jitter));
        }
    }
}

/// How long to hold an authority after so many holds in a row.
pub(super) fn hold(holds: u32, retry_after: Duration, jitter: f64) -> Duration {
    half_jitter(HOLD.0, HOLD.1, holds.saturating_add(1), jitter).max(asked_for(retry_after, jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn what_is_remembered_of_apis_is_bounded() {
        let (mut pace, start) = (Pace::new(5, 3, TIMEOUT), Instant::now());
        let mut fails = |api: usize, at: usize| {
            let now = start + Duration::from_millis(u64::try_from(at).unwrap());
            let failed = pace.failed(&format!("api-{api}.example"), 0, Duration::ZERO, (now, 0.0));
            assert!(pace.streaks.len() <= Held::MOST);
            failed
        };
        for api in 0..Held::MOST {
            assert_eq!(fails(api, api), None);
        }
        // The first has failed again, and so the second is the one that is forgotten.
        assert_eq!(fails(0, Held::MOST), None);
        assert_eq!(fails(Held::MOST, Held::MOST + 1), None);
        assert_eq!(fails(0, Held::MOST + 2), Some((HOLD.0, 3)));
        for at in 3..=4 {
            assert_eq!(fails(1, Held::MOST + at), None, "as if it had never failed");
        }
    }

    #[test]
    fn failures_are_told_until_some_time_after_their_hold() {
        let (mut pace, now) = (Pace::new(5, 2, TIMEOUT), Instant::now());
        let hour = Duration::from_secs(3_600);
        assert_eq!(pace.failed("a.example", 0, Duration::ZERO, (now, 0.0)), None);
        assert_eq!(pace.streak(now + TIMEOUT), 1);
        assert_eq!(pace.failed("a.example", 0, hour, (now, 0.0)), Some((hour, 2)));
        assert_eq!(pace.streak(now + hour + TIMEOUT), 2);
        assert_eq!(pace.streak(now + hour + TIMEOUT + RECENT), 0);
    }
}
