use std::time::Duration;

use martello_outcome::{Backoff, Outcome, RetryAfter};
use tokio::time::Instant;

use super::{
    attempt_result::AttemptResult, claimed_entry::ClaimedEntry, policy::RETRY_AFTER_CAP,
    streaks::FailureStreaks,
};
use crate::store::HoldChange;

/// How long a hold lasts without a `Retry-After`.
const HOLD: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Decides when the worker has an authority held, and when it ends the hold.
#[derive(Debug)]
pub(super) struct Holds {
    hold_after: u32,
    streaks: FailureStreaks,
}

impl Holds {
    pub(super) fn new(hold_after: u32, attempt_timeout: Duration) -> Self {
        Self { hold_after, streaks: FailureStreaks::new(attempt_timeout) }
    }

    /// An entry was claimed. If it is not a probe, its authority is not held. If this worker had it held,
    /// another worker has ended the hold.
    pub(super) fn claimed(&mut self, claimed_entry: &ClaimedEntry) {
        let authority = claimed_entry.authority();
        if !claimed_entry.is_probe() && self.streaks.failures(authority) >= self.hold_after {
            self.streaks.reset(authority);
        }
    }

    /// What an attempt does to the hold of its authority.
    pub(super) fn after_attempt(
        &mut self,
        claimed_entry: &ClaimedEntry,
        result: &AttemptResult,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> HoldChange {
        match result.outcome() {
            _ if result.is_local() => HoldChange::Keep,
            Outcome::Success | Outcome::Rejected => {
                self.streaks.reset(claimed_entry.authority());
                // Only a probe shows that the authority is back.
                if claimed_entry.is_probe() { HoldChange::End } else { HoldChange::Keep }
            }
            _ => self.after_failure(claimed_entry, result, now, rng.f64()),
        }
    }

    fn after_failure(
        &mut self,
        claimed_entry: &ClaimedEntry,
        result: &AttemptResult,
        now: Instant,
        random: f64,
    ) -> HoldChange {
        let failures = self.streaks.add_failure(claimed_entry.authority(), now);
        if !claimed_entry.is_probe() && failures != self.hold_after {
            return HoldChange::Keep;
        }
        let wait = hold_time(claimed_entry.holds_in_row(), result.retry_after(), random);
        self.streaks.set_hold(claimed_entry.authority(), wait);
        let why = match claimed_entry.is_probe() {
            true => format!("the probe failed: {}", result.summary()),
            false => format!("{failures} failures in a row, the last: {}", result.summary()),
        };
        hold_for(claimed_entry, wait, why)
    }

    /// What a layer that failed before it called the client does to the hold: it will hardly send the next
    /// request to the same authority.
    pub(super) fn after_failure_before_client(
        claimed_entry: &ClaimedEntry,
        fault: &str,
        random: f64,
    ) -> HoldChange {
        let wait = hold_time(claimed_entry.holds_in_row(), Duration::ZERO, random);
        hold_for(claimed_entry, wait, format!("nothing was sent: {fault}"))
    }

    /// The most failures in a row of an authority that the worker still sends to.
    pub(super) fn failures_in_row(&self, now: Instant) -> u32 {
        self.streaks.longest(now)
    }
}

fn hold_for(claimed_entry: &ClaimedEntry, wait: Duration, why: String) -> HoldChange {
    HoldChange::For { holds_in_row: claimed_entry.holds_in_row(), wait, why: why.into() }
}

/// How long to hold an authority after so many holds in a row.
fn hold_time(holds_in_row: u32, retry_after: Duration, random: f64) -> Duration {
    let backoff = Backoff::new(HOLD.0, HOLD.1).with_jitter(0.5);
    let wait = backoff.wait(holds_in_row.saturating_add(1), random);
    wait.max(RetryAfter::capped_wait(retry_after, RETRY_AFTER_CAP, random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeldAuthority, worker::test_support::claimed_entry};

    const TIMEOUT: Duration = Duration::from_secs(30);

    /// The change of the hold after an attempt at `authority`, which had so many holds in a row.
    fn attempt(
        holds: &mut Holds,
        authority: &str,
        in_row: u32,
        outcome: Outcome,
        now: Instant,
    ) -> HoldChange {
        let claimed_entry = claimed_entry(&format!("https://{authority}/"), in_row, now);
        let result = AttemptResult::new(outcome, now);
        holds.after_attempt(&claimed_entry, &result, now, &mut fastrand::Rng::with_seed(7))
    }

    fn failed(holds: &mut Holds, authority: &str, now: Instant) -> HoldChange {
        attempt(holds, authority, 0, Outcome::Unavailable, now)
    }

    #[test]
    fn an_authority_is_held_after_failures_in_a_row() {
        let (mut holds, now) = (Holds::new(3, TIMEOUT), Instant::now());
        assert_eq!(failed(&mut holds, "a.example", now), HoldChange::Keep);
        assert_eq!(failed(&mut holds, "a.example", now), HoldChange::Keep);
        assert_eq!(failed(&mut holds, "b.example", now), HoldChange::Keep);
        let HoldChange::For { holds_in_row: 0, wait, why } = failed(&mut holds, "a.example", now) else {
            panic!()
        };
        assert!(
            (HOLD.0 / 2..=HOLD.0).contains(&wait) && why.contains("3 failures in a row"),
            "{wait:?} {why}"
        );
        assert_eq!(failed(&mut holds, "a.example", now), HoldChange::Keep, "it was sent before the hold");
        assert_eq!(holds.failures_in_row(now), 4);
    }

    #[test]
    fn a_probe_ends_the_hold_or_makes_a_longer_one() {
        let (mut holds, now) = (Holds::new(3, TIMEOUT), Instant::now());
        for (outcome, ends) in [(Outcome::Success, true), (Outcome::Rejected, true), (Outcome::Faulty, false)]
        {
            let hold = attempt(&mut holds, "a.example", 4, outcome, now);
            assert_eq!(hold == HoldChange::End, ends, "{outcome}");
        }
        let HoldChange::For { holds_in_row: 4, wait, .. } =
            attempt(&mut holds, "a.example", 4, Outcome::Faulty, now)
        else {
            panic!()
        };
        assert!((HOLD.0 * 8..=HOLD.0 * 16).contains(&wait), "{wait:?}");
        assert_eq!(
            attempt(&mut holds, "a.example", 0, Outcome::Success, now),
            HoldChange::Keep,
            "it is no probe"
        );
    }

    #[test]
    fn a_failure_of_the_workers_own_changes_nothing() {
        let (mut holds, now) = (Holds::new(1, TIMEOUT), Instant::now());
        let result = AttemptResult::new(Outcome::Ambiguous, now).local();
        let probe = claimed_entry("https://a.example/", 1, now);
        let hold = holds.after_attempt(&probe, &result, now, &mut fastrand::Rng::with_seed(7));
        assert_eq!((hold, holds.failures_in_row(now)), (HoldChange::Keep, 0));
    }

    #[test]
    fn a_claim_that_is_no_probe_ends_the_streak_of_a_held_authority() {
        let (mut holds, now) = (Holds::new(2, TIMEOUT), Instant::now());
        failed(&mut holds, "a.example", now);
        holds.claimed(&claimed_entry("https://a.example/", 0, now));
        assert_eq!(holds.failures_in_row(now), 1, "this worker did not have it held");
        failed(&mut holds, "a.example", now);
        holds.claimed(&claimed_entry("https://a.example/", 1, now));
        assert_eq!(holds.failures_in_row(now), 2);
        holds.claimed(&claimed_entry("https://a.example/", 0, now));
        assert_eq!(holds.failures_in_row(now), 0);
    }

    #[test]
    fn what_is_remembered_of_authorities_is_bounded() {
        let (mut holds, start) = (Holds::new(3, TIMEOUT), Instant::now());
        let mut fails = |authority: usize, at: usize| {
            let now = start + Duration::from_millis(u64::try_from(at).unwrap());
            let hold = failed(&mut holds, &format!("api-{authority}.example"), now);
            assert!(holds.streaks.authorities() <= HeldAuthority::MAX_PER_QUEUE);
            hold
        };
        for authority in 0..HeldAuthority::MAX_PER_QUEUE {
            assert_eq!(fails(authority, authority), HoldChange::Keep);
        }
        // The first has failed again, and so the second is the one that is forgotten.
        assert_eq!(fails(0, HeldAuthority::MAX_PER_QUEUE), HoldChange::Keep);
        assert_eq!(fails(HeldAuthority::MAX_PER_QUEUE, HeldAuthority::MAX_PER_QUEUE + 1), HoldChange::Keep);
        assert!(matches!(fails(0, HeldAuthority::MAX_PER_QUEUE + 2), HoldChange::For { .. }));
        for at in 3..=4 {
            assert_eq!(
                fails(1, HeldAuthority::MAX_PER_QUEUE + at),
                HoldChange::Keep,
                "as if it had never failed"
            );
        }
    }
}
