use std::time::Duration;

use tokio::time::Instant;

use super::{claim_pause::ClaimPause, claimed_entry::ClaimedEntry};
use crate::store::Claimed;

/// Decides how many entries the worker claims, and what it does with a claim.
#[derive(Debug)]
pub(super) struct Claims {
    concurrency: usize,
    lease_duration: Duration,
    pause: ClaimPause,
    /// The worker shuts down and claims nothing more.
    is_stopped: bool,
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
    pub(super) fn new(concurrency: usize, lease_duration: Duration) -> Self {
        Self { concurrency, lease_duration, pause: ClaimPause::default(), is_stopped: false }
    }

    /// How many entries may be claimed now, while `running` deliveries run.
    pub(super) fn capacity(&self, now: Instant, running: usize) -> usize {
        match self.is_stopped || self.pause.until(now).is_some() {
            true => 0,
            false => self.concurrency.saturating_sub(running),
        }
    }

    /// Decides on an entry that a turn has claimed. The turn was sent to the store at `requested`.
    pub(super) fn apply(&self, claimed: &Claimed, requested: Instant, now: Instant) -> Claim {
        let claimed_entry = ClaimedEntry::new(claimed, requested, now, self.lease_duration);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::{
        test_support::{LEASE, claimed},
        turns::TurnSchedule,
    };

    fn claims(now: Instant) -> (Claims, TurnSchedule) {
        (Claims::new(5, LEASE), TurnSchedule::new(Duration::from_secs(5), now))
    }

    #[test]
    fn a_turn_claims_as_many_as_there_is_capacity_for() {
        let now = Instant::now();
        let (claims, turns) = claims(now);
        let next = |running, has_settlements| turns.next(now, claims.capacity(now, running), has_settlements);
        assert_eq!((next(0, false), claims.capacity(now, 0)), (Some(now), 5));
        assert_eq!((next(3, false), claims.capacity(now, 3)), (Some(now), 2));
        assert_eq!((next(5, false), claims.capacity(now, 6)), (None, 0));
        assert_eq!(next(5, true), Some(now), "a settlement needs no capacity");
    }

    #[test]
    fn during_a_pause_it_settles_and_claims_nothing() {
        let now = Instant::now();
        let (mut claims, turns) = claims(now);
        claims.pause().refused(now, 0.0);
        let capacity = claims.capacity(now, 0);
        assert_eq!((turns.next(now, capacity, false), capacity), (None, 0));
        assert_eq!(turns.next(now, capacity, true), Some(now));
        let end = claims.paused_until(now).unwrap();
        assert_eq!(turns.next(end, claims.capacity(end, 0), false), Some(now));
    }

    #[test]
    fn a_claim_is_delivered_unless_it_came_too_late_or_during_a_shutdown() {
        let (now, claimed) = (Instant::now(), claimed("https://api.example/", 0));
        let (mut claims, turns) = claims(now);
        assert!(matches!(claims.apply(&claimed, now, now + LEASE / 2), Claim::Deliver(_)));
        assert!(matches!(claims.apply(&claimed, now, now + LEASE), Claim::Expired));
        claims.stop();
        assert!(matches!(claims.apply(&claimed, now, now + LEASE / 2), Claim::GiveBack(_)));
        let capacity = claims.capacity(now, 0);
        assert_eq!((turns.next(now, capacity, false), capacity), (None, 0));
    }
}
