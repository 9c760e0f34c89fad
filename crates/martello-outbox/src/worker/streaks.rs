use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::HeldAuthority;

/// How long after the last failure, its hold and the time for the next attempt a streak still counts for the
/// health.
const RECENT: Duration = Duration::from_secs(60);

/// Consecutive failures of each authority, as this worker has seen them.
#[derive(Debug)]
pub(super) struct FailureStreaks {
    attempt_timeout: Duration,
    by_authority: HashMap<String, Streak>,
}

#[derive(Debug)]
struct Streak {
    failures: u32,
    last_failure: Instant,
    /// How long the last failure had the authority held.
    hold: Duration,
}

impl FailureStreaks {
    pub(super) fn new(attempt_timeout: Duration) -> Self {
        Self { attempt_timeout, by_authority: HashMap::new() }
    }

    /// Counts a failure. Returns how many failures in a row that makes.
    ///
    /// Remembers as many authorities as a queue has holds. An authority that is forgotten needs some more
    /// failures until it is held.
    pub(super) fn add_failure(&mut self, authority: &str, now: Instant) -> u32 {
        if self.by_authority.len() >= HeldAuthority::MAX_PER_QUEUE
            && !self.by_authority.contains_key(authority)
        {
            let oldest = self.by_authority.iter().min_by_key(|(_, streak)| streak.last_failure);
            let oldest = oldest.map(|(authority, _)| authority.clone());
            oldest.map(|authority| self.by_authority.remove(&authority));
        }
        let new = Streak { failures: 0, last_failure: now, hold: Duration::ZERO };
        let streak = self.by_authority.entry(authority.to_owned()).or_insert(new);
        streak.failures = streak.failures.saturating_add(1);
        streak.last_failure = now;
        streak.hold = Duration::ZERO;
        streak.failures
    }

    /// The last failure has the authority held for this long.
    pub(super) fn set_hold(&mut self, authority: &str, hold: Duration) {
        if let Some(streak) = self.by_authority.get_mut(authority) {
            streak.hold = hold;
        }
    }

    pub(super) fn failures(&self, authority: &str) -> u32 {
        self.by_authority.get(authority).map_or(0, |streak| streak.failures)
    }

    pub(super) fn reset(&mut self, authority: &str) {
        self.by_authority.remove(authority);
    }

    /// The longest streak of an authority that the worker still sends to.
    pub(super) fn longest(&self, now: Instant) -> u32 {
        let next_attempt = self.attempt_timeout + RECENT;
        let is_recent = |streak: &&Streak| now < streak.last_failure + streak.hold + next_attempt;
        self.by_authority.values().filter(is_recent).map(|streak| streak.failures).max().unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn authorities(&self) -> usize {
        self.by_authority.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(30);

    #[test]
    fn a_streak_counts_until_some_time_after_its_hold() {
        let (mut streaks, now) = (FailureStreaks::new(TIMEOUT), Instant::now());
        let hour = Duration::from_secs(3_600);
        assert_eq!(streaks.add_failure("a.example", now), 1);
        assert_eq!(streaks.longest(now + TIMEOUT), 1);
        assert_eq!(streaks.longest(now + TIMEOUT + RECENT), 0);
        assert_eq!(streaks.add_failure("a.example", now), 2);
        streaks.set_hold("a.example", hour);
        assert_eq!(streaks.longest(now + hour + TIMEOUT), 2);
        assert_eq!(streaks.longest(now + hour + TIMEOUT + RECENT), 0);
    }

    #[test]
    fn authorities_are_counted_apart_and_a_reset_starts_over() {
        let (mut streaks, now) = (FailureStreaks::new(TIMEOUT), Instant::now());
        streaks.add_failure("a.example", now);
        streaks.add_failure("a.example", now);
        streaks.add_failure("b.example", now);
        assert_eq!((streaks.failures("a.example"), streaks.failures("b.example")), (2, 1));
        streaks.reset("a.example");
        assert_eq!((streaks.failures("a.example"), streaks.longest(now)), (0, 1));
    }
}
