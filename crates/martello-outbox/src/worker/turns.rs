use std::time::Duration;

use tokio::time::Instant;

use super::failure_backoff::FailureBackoff;
use crate::{StoreError, store::Turned};

/// The shortest wait after a turn that changed nothing, whatever the store suggests.
const IDLE_WAIT: Duration = Duration::from_millis(5);

/// Decides when the worker takes its next turn at the store.
#[derive(Debug)]
pub(super) struct TurnSchedule {
    poll_every: Duration,
    /// When to ask for more entries.
    next: Instant,
    last: StartedTurn,
    backoff: FailureBackoff,
}

/// The last turn that was started.
#[derive(Debug)]
struct StartedTurn {
    requested: Instant,
    /// How many entries it claims at most.
    claim: usize,
    /// Whether the store has changed since, which this turn may not have seen.
    store_changed: bool,
}

impl TurnSchedule {
    pub(super) fn new(poll_every: Duration, now: Instant) -> Self {
        Self {
            poll_every,
            next: now,
            last: StartedTurn { requested: now, claim: 0, store_changed: false },
            backoff: FailureBackoff::new("run a worker turn"),
        }
    }

    /// When to take the next turn; `None` if the worker has nothing to settle and no capacity to claim.
    pub(super) fn next(&self, now: Instant, capacity: usize, has_settlements: bool) -> Option<Instant> {
        let at = match (has_settlements, capacity) {
            (true, _) => now,
            (false, 0) => return None,
            (false, _) => self.next,
        };
        Some(self.backoff.not_before(at, now))
    }

    /// A turn starts that claims up to this many entries.
    pub(super) fn start(&mut self, now: Instant, claim: usize) {
        self.last = StartedTurn { requested: now, claim, store_changed: false };
    }

    /// When the last turn was sent to the store.
    pub(super) fn requested(&self) -> Instant {
        self.last.requested
    }

    pub(super) fn succeeded(&mut self, turned: &Turned, now: Instant) {
        self.backoff.succeeded();
        let is_idle = turned.settled.is_empty()
            && turned.claimed.is_empty()
            && turned.dead_letters.is_empty()
            && turned.reclaimed_leases == 0;
        let is_full = self.last.claim > 0 && turned.claimed.len() >= self.last.claim;
        let wait = if is_full || self.last.store_changed {
            Duration::ZERO
        } else {
            turned.next.unwrap_or(self.poll_every)
        };
        let least = if is_idle { IDLE_WAIT } else { Duration::ZERO };
        self.next = now + wait.clamp(least, self.poll_every);
    }

    pub(super) fn failed(&mut self, error: &StoreError, now: Instant, random: f64) {
        self.backoff.failed(error, now, random);
    }

    /// The store notifies that an entry may have become claimable.
    pub(super) fn store_changed(&mut self, now: Instant) {
        self.next = now;
        self.last.store_changed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StoreErrorKind, store::Settled, worker::test_support::claimed};

    const POLL: Duration = Duration::from_secs(5);

    fn found(entries: usize, next: Option<Duration>) -> Turned {
        let claimed = (0..entries).map(|_| claimed("https://api.example/", 0)).collect();
        Turned { claimed, next, ..Turned::default() }
    }

    #[test]
    fn the_next_turn_comes_when_the_store_says_but_no_later_than_the_poll_interval() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        for (turned, expected) in [
            (found(0, None), POLL),
            (found(0, Some(second)), second),
            (found(0, Some(100 * POLL)), POLL),
            (found(0, Some(Duration::ZERO)), IDLE_WAIT),
            (found(1, Some(Duration::ZERO)), Duration::ZERO),
            (found(1, Some(second)), second),
            (found(5, None), Duration::ZERO),
            (Turned { settled: vec![Settled::Applied], ..found(0, Some(Duration::ZERO)) }, Duration::ZERO),
        ] {
            let mut turns = TurnSchedule::new(POLL, now);
            turns.start(now, 5);
            turns.succeeded(&turned, now);
            assert_eq!(turns.next(now, 5, false), Some(now + expected), "{turned:?}");
        }
    }

    #[test]
    fn a_change_during_a_turn_leads_to_another_turn() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut turns = TurnSchedule::new(POLL, now);
        turns.start(now, 5);
        turns.store_changed(now);
        turns.succeeded(&found(1, None), later);
        assert_eq!(turns.next(later, 4, false), Some(later));
        turns.start(later, 4);
        turns.succeeded(&found(1, None), later);
        assert_eq!(turns.next(later, 3, false), Some(later + POLL));
        turns.store_changed(later);
        assert_eq!(turns.next(later, 3, false), Some(later));
    }

    #[test]
    fn after_a_failure_it_waits_also_with_something_to_settle() {
        let now = Instant::now();
        let mut turns = TurnSchedule::new(POLL, now);
        let error = StoreError::new(StoreErrorKind::Unavailable, "down");
        turns.failed(&error, now, 0.0);
        let next = turns.next(now, 5, true).unwrap();
        assert_eq!(turns.next(now, 5, false), Some(next));
        assert!(next > now);
    }
}
