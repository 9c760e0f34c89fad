//! Decides what becomes of an entry after an attempt, and when it is delivered again. No I/O, no clock, no
//! sleeping.

use std::time::Duration;

use martello_outcome::{Backoff, RetryAfter};

use super::attempt_result::AttemptResult;
use crate::{Entry, Reason, disposition::Disposition, store::End};

/// The longest `Retry-After` that a worker follows: a proxy's date may be far off.
pub(super) const RETRY_AFTER_CAP: Duration = Duration::from_secs(60 * 60);

/// After a replay, `attempts` still includes earlier ones, so it cannot set the backoff. An uncounted failure
/// then waits as after this many failures: about a minute with the default backoff.
const FAILURES_AFTER_REPLAY: u32 = 7;

/// What becomes of the entry, which is as it was claimed. `random` is from 0 to 1.
pub(super) fn end_of_attempt(backoff: &Backoff, entry: &Entry, result: &AttemptResult, random: f64) -> End {
    match result.disposition(entry.repeatable) {
        Disposition::Return => End::Done,
        Disposition::DeadLetter(reason) => End::Dead(reason),
        Disposition::Defer { counts: true } if entry.tries >= entry.max_attempts => {
            End::Dead(Reason::Exhausted)
        }
        // The store makes it a dead letter if it expires before it is due again.
        Disposition::Defer { counts } => {
            let wait = backoff.wait(failures(entry, counts), random);
            let asked = RetryAfter::capped_wait(result.retry_after(), RETRY_AFTER_CAP, random);
            End::Again { wait: wait.max(asked), counts }
        }
    }
}

/// How many failures the wait after an attempt follows. Uncounted attempts do not increment `tries`.
fn failures(entry: &Entry, counts: bool) -> u32 {
    match (counts, was_replayed(entry)) {
        (true, _) => entry.tries,
        (false, false) => entry.attempts,
        (false, true) => entry.tries.max(FAILURES_AFTER_REPLAY),
    }
}

/// A replay keeps the reason for which the entry was a dead letter. No other claimed entry has one.
fn was_replayed(entry: &Entry) -> bool {
    entry.reason.is_some()
}

#[cfg(test)]
mod tests {
    use martello_outcome::Outcome;
    use tokio::time::Instant;

    use super::*;
    use crate::worker::test_support::claimed;

    const SECOND: Duration = Duration::from_secs(1);
    const BACKOFF: Backoff = Backoff::new(SECOND, Duration::from_secs(3_600));

    /// The end of an attempt without jitter.
    fn end(entry: &Entry, outcome: Outcome) -> End {
        end_of_attempt(&BACKOFF, entry, &AttemptResult::new(outcome, Instant::now()), 0.0)
    }

    #[test]
    fn the_wait_doubles_with_each_failure_until_the_entry_is_exhausted() {
        let mut entry = claimed("https://api.example/", 0).entry;
        (entry.max_attempts, entry.repeatable) = (5, true);
        for (tries, seconds) in [(1, 1), (2, 2), (3, 4), (4, 8)] {
            entry.tries = tries;
            let expected = End::Again { wait: seconds * SECOND, counts: true };
            assert_eq!(end(&entry, Outcome::Unavailable), expected);
        }
        entry.tries = 5;
        assert_eq!(end(&entry, Outcome::Unavailable), End::Dead(Reason::Exhausted));
    }

    #[test]
    fn an_uncounted_attempt_waits_by_the_attempts_and_a_replayed_entry_about_a_minute() {
        let mut entry = claimed("https://api.example/", 0).entry;
        entry.repeatable = true;
        (entry.tries, entry.attempts) = (1, 4);
        assert_eq!(end(&entry, Outcome::Faulty), End::Again { wait: 8 * SECOND, counts: false });
        entry.reason = Some(Reason::Exhausted);
        assert_eq!(end(&entry, Outcome::Faulty), End::Again { wait: 64 * SECOND, counts: false });
    }

    #[test]
    fn a_success_is_done_and_a_rejection_a_dead_letter() {
        let entry = claimed("https://api.example/", 0).entry;
        assert_eq!(end(&entry, Outcome::Success), End::Done);
        assert_eq!(end(&entry, Outcome::Rejected), End::Dead(Reason::Rejected));
        assert_eq!(end(&entry, Outcome::Ambiguous), End::Dead(Reason::Ambiguous), "it is not repeatable");
    }
}
