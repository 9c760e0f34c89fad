use std::time::Duration;

use martello_outcome::{Backoff, RetryAfter};

use crate::PollOptions;

/// The first wait after a failure, and the longest without a `Retry-After`.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The longest `Retry-After` that the poller follows.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The waits between passes and after failures.
#[derive(Debug)]
pub(super) struct PollSchedule {
    passes: Backoff,
    retries: Backoff,
    random: fastrand::Rng,
    idle_passes: u32,
    failures: u32,
}

impl PollSchedule {
    pub(super) fn new(options: &PollOptions) -> Self {
        let longest = options.idle_interval.max(options.interval);
        Self {
            passes: Backoff::new(options.interval, longest).with_jitter(options.jitter),
            retries: Backoff::new(FIRST_RETRY, LONGEST_RETRY).with_jitter(options.jitter),
            random: options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
            idle_passes: 0,
            failures: 0,
        }
    }

    /// The time from the start of a pass to the start of the next.
    pub(super) fn after_pass(&mut self, idle: bool) -> Duration {
        self.failures = 0;
        self.idle_passes = if idle { self.idle_passes.saturating_add(1) } else { 0 };
        self.passes.wait_around(self.idle_passes, self.random.f64())
    }

    /// The time until the next retry.
    pub(super) fn after_failure(&mut self, retry_after: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        // Without jitter, the wait is predictable.
        let random = if self.retries.jitter() > 0.0 { self.random.f64() } else { 0.0 };
        let wait = self.retries.wait_around(self.failures, self.random.f64());
        wait.max(RetryAfter::capped_wait(retry_after.unwrap_or_default(), LONGEST_RETRY_AFTER, random))
    }

    /// Resets the retries after a page has come.
    pub(super) fn recovered(&mut self) {
        self.failures = 0;
    }
}
