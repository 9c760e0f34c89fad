use std::time::Duration;

use tokio::time::Instant;

use super::{claim_pause::ClaimPause, claimed_entry::ClaimedEntry, failure_backoff::FailureBackoff};
use crate::{
    StoreError,
    store::{Claimed, Turned},
};

/// The shortest wait after a turn that changed nothing, whatever the store suggests.
const IDLE_WAIT: Duration = Duration::from_millis(5);

/// Decides when the worker takes its next turn at the store, how many entries it claims in it, and what it
/// does with a claim.
#[derive(Debug)]
pub(super) struct Claims {
    concurrency: usize,
    poll_every: Duration,
    lease_duration: Duration,
    /// When to ask for more entries.
    next: Instant,
    turn: StartedTurn,
    backoff: FailureBackoff,
    pause: ClaimPause,
    /// The worker shuts down and claims nothing more.
    is_stopped: bool,
}

/// The last turn that was started.
#[derive(Debug)]
struct StartedTurn {
    requested: Instant,
    claim: usize,
    /// Whether the store has changed since, which this turn may not have seen.
    store_changed: bool,
}

/// What to do with a claim.
#[derive(Debug)]
pub(super) enum Claim {
    Deliver(ClaimedEntry),
    /// The worker has begun to shut down since it asked.
    GiveBack(ClaimedEntry),
    /// The store took so long that the lease may have expired.
    Expired,
}

impl Claims {
    pub(super) fn new(
        concurrency: usize,
        poll_every: Duration,
        lease_duration: Duration,
        now: Instant,
    ) -> Self {
        Self {
            concurrency,
            poll_every,
            lease_duration,
            next: now,
            turn: StartedTurn { requested: now, claim: 0, store_changed: false },
            backoff: FailureBackoff::new("run a worker turn"),
            pause: ClaimPause::default(),
            is_stopped: false,
        }
    }

    /// When to take the next turn; `None` if the worker has nothing to settle and no capacity to claim.
    pub(super) fn next_turn(&self, now: Instant, running: usize, has_settlements: bool) -> Option<Instant> {
        let at = match (has_settlements, self.capacity(now, running)) {
            (true, _) => now,
            (false, 0) => return None,
            (false, _) => self.next,
        };
        Some(self.backoff.not_before(at, now))
    }

    /// A turn starts. Returns how many entries it claims.
    pub(super) fn start_turn(&mut self, now: Instant, running: usize) -> usize {
        let claim = self.capacity(now, running);
        self.turn = StartedTurn { requested: now, claim, store_changed: false };
        claim
    }

    /// The store notifies that an entry may have become claimable.
    pub(super) fn store_changed(&mut self, now: Instant) {
        self.next = now;
        self.turn.store_changed = true;
    }

    pub(super) fn turn_succeeded(&mut self, turned: &Turned, now: Instant) {
        self.backoff.succeeded();
        let is_idle = turned.settled.is_empty()
            && turned.claimed.is_empty()
            && turned.died.is_empty()
            && turned.lost == 0;
        let is_full = self.turn.claim > 0 && turned.claimed.len() >= self.turn.claim;
        let wait = if is_full || self.turn.store_changed {
            Duration::ZERO
        } else {
            turned.next.unwrap_or(self.poll_every)
        };
        let least = if is_idle { IDLE_WAIT } else { Duration::ZERO };
        self.next = now + wait.clamp(least, self.poll_every);
    }

    pub(super) fn turn_failed(&mut self, error: &StoreError, now: Instant, random: f64) {
        self.backoff.failed(error, now, random);
    }

    /// Decides on an entry that the last turn has claimed.
    pub(super) fn apply(&self, claimed: &Claimed, now: Instant) -> Claim {
        let claimed_entry = ClaimedEntry::new(claimed, self.turn.requested, now, self.lease_duration);
        match self.is_stopped {
            _ if claimed_entry.valid_until() <= now => Claim::Expired,
            true => Claim::GiveBack(claimed_entry),
            false => Claim::Deliver(claimed_entry),
        }
    }

    pub(super) fn pause(&mut self) -> &mut ClaimPause {
        &mut self.pause
    }

    /// When the pause after an unsent request ends.
    pub(super) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.pause.until(now)
    }

    /// The worker shuts down and claims nothing more.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// How many entries may be claimed now.
    fn capacity(&self, now: Instant, running: usize) -> usize {
        match self.is_stopped || self.pause.until(now).is_some() {
            true => 0,
            false => self.concurrency.saturating_sub(running),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        StoreErrorKind,
        store::Settled,
        worker::test_support::{LEASE, claimed},
    };

    const POLL: Duration = Duration::from_secs(5);

    fn claims(now: Instant) -> Claims {
        Claims::new(5, POLL, LEASE, now)
    }

    fn found(entries: usize, next: Option<Duration>) -> Turned {
        let claimed = (0..entries).map(|_| claimed("https://api.example/", 0)).collect();
        Turned { claimed, next, ..Turned::default() }
    }

    #[test]
    fn a_turn_claims_as_many_as_there_is_capacity_for() {
        let now = Instant::now();
        let mut claims = claims(now);
        assert_eq!((claims.next_turn(now, 0, false), claims.start_turn(now, 0)), (Some(now), 5));
        assert_eq!((claims.next_turn(now, 3, false), claims.start_turn(now, 3)), (Some(now), 2));
        assert_eq!((claims.next_turn(now, 5, false), claims.start_turn(now, 6)), (None, 0));
        assert_eq!(claims.next_turn(now, 5, true), Some(now), "a settlement needs no capacity");
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
            let mut claims = claims(now);
            claims.start_turn(now, 0);
            claims.turn_succeeded(&turned, now);
            assert_eq!(claims.next_turn(now, 0, false), Some(now + expected), "{turned:?}");
        }
    }

    #[test]
    fn a_change_during_a_turn_leads_to_another_turn() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        let mut claims = claims(now);
        claims.start_turn(now, 0);
        claims.store_changed(now);
        claims.turn_succeeded(&found(1, None), later);
        assert_eq!(claims.next_turn(later, 1, false), Some(later));
        claims.start_turn(later, 1);
        claims.turn_succeeded(&found(1, None), later);
        assert_eq!(claims.next_turn(later, 2, false), Some(later + POLL));
        claims.store_changed(later);
        assert_eq!(claims.next_turn(later, 2, false), Some(later));
    }

    #[test]
    fn after_a_failure_it_waits_also_with_something_to_settle() {
        let now = Instant::now();
        let mut claims = claims(now);
        let error = StoreError::new(StoreErrorKind::Unavailable, "down");
        claims.turn_failed(&error, now, 0.0);
        let next = claims.next_turn(now, 0, true).unwrap();
        assert_eq!(claims.next_turn(now, 0, false), Some(next));
        assert!(next > now);
    }

    #[test]
    fn during_a_pause_it_settles_and_claims_nothing() {
        let now = Instant::now();
        let mut claims = claims(now);
        claims.pause().refused(now, 0.0);
        assert_eq!((claims.next_turn(now, 0, false), claims.start_turn(now, 0)), (None, 0));
        assert_eq!(claims.next_turn(now, 0, true), Some(now));
        let end = claims.paused_until(now).unwrap();
        assert_eq!(claims.next_turn(end, 0, false), Some(now));
    }

    #[test]
    fn a_claim_is_delivered_unless_it_came_too_late_or_during_a_shutdown() {
        let (now, claimed) = (Instant::now(), claimed("https://api.example/", 0));
        let mut claims = claims(now);
        claims.start_turn(now, 0);
        assert!(matches!(claims.apply(&claimed, now + LEASE / 2), Claim::Deliver(_)));
        assert!(matches!(claims.apply(&claimed, now + LEASE), Claim::Expired));
        claims.stop();
        assert!(matches!(claims.apply(&claimed, now + LEASE / 2), Claim::GiveBack(_)));
        assert_eq!((claims.next_turn(now, 0, false), claims.start_turn(now, 0)), (None, 0));
    }
}
