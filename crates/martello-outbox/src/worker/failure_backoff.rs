use std::{error::Error, time::Duration};

use martello_outcome::Backoff;
use tokio::time::Instant;

use crate::StoreError;

/// The wait after a failed store operation: at least half of the ceiling, because few workers wait for one
/// store.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Backs off after consecutive failures of one kind of store operation, and logs the first of them and the
/// recovery.
#[derive(Debug)]
pub(super) struct FailureBackoff {
    /// What the store does, as a verb: "renew leases".
    operation: &'static str,
    failures: u32,
    until: Option<Instant>,
}

impl FailureBackoff {
    pub(super) fn new(operation: &'static str) -> Self {
        Self { operation, failures: 0, until: None }
    }

    pub(super) fn failed(&mut self, error: &StoreError, now: Instant, random: f64) {
        self.failures = self.failures.saturating_add(1);
        let wait = Backoff::new(WAIT.0, WAIT.1).with_jitter(0.5).wait(self.failures, random);
        self.until = Some(now + wait);
        if self.failures == 1 {
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(exception.message = %error, cause, "the store failed to {}; the worker retries", self.operation);
        }
    }

    pub(super) fn succeeded(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the store can {} again", self.operation);
        }
        *self = Self::new(self.operation);
    }

    /// When the wait after the last failure ends, if it has not ended yet.
    pub(super) fn waits_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// `at`, or the end of the wait if that is later.
    pub(super) fn not_before(&self, at: Instant, now: Instant) -> Instant {
        self.waits_until(now).map_or(at, |until| until.max(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreErrorKind;

    #[test]
    fn waits_double_up_to_the_cap_and_start_over_after_a_success() {
        let (mut backoff, now) = (FailureBackoff::new("be tested"), Instant::now());
        let error = StoreError::new(StoreErrorKind::Unavailable, "down");
        let wait_after_failure = |backoff: &mut FailureBackoff, random| {
            backoff.failed(&error, now, random);
            (backoff.waits_until(now).unwrap() - now).as_millis()
        };
        let waits = [0.0; 8].map(|random| wait_after_failure(&mut backoff, random));
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(wait_after_failure(&mut backoff, 1.0), 2_500, "at least half of the ceiling");

        backoff.succeeded();
        assert_eq!(backoff.waits_until(now), None);
        assert_eq!(wait_after_failure(&mut backoff, 0.0), 100);
        assert_eq!(backoff.waits_until(now + WAIT.0), None, "the wait is over");
        assert_eq!(backoff.not_before(now, now), now + WAIT.0);
        assert_eq!(backoff.not_before(now + WAIT.1, now), now + WAIT.1);
    }
}
