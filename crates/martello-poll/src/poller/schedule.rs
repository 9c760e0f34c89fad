use std::time::Duration;

use martello_outcome::RetryAfter;

use crate::PollOptions;

/// The first wait after a failure, and the longest without a `Retry-After`.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// The longest wait that a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// How long to wait.
#[derive(Debug)]
pub(super) struct PollSchedule {
    interval: Duration,
    longest: Duration,
    jitter: f64,
    random: fastrand::Rng,
    idle_passes: u32,
    failures: u32,
}

impl PollSchedule {
    pub(super) fn new(options: &PollOptions) -> Self {
        Self {
            interval: options.interval,
            longest: options.idle_interval.max(options.interval),
            jitter: options.jitter,
            random: options.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed),
            idle_passes: 0,
            failures: 0,
        }
    }

    /// From the start of a pass to the start of the next.
    pub(super) fn after_pass(&mut self, idle: bool) -> Duration {
        self.failures = 0;
        self.idle_passes = if idle { self.idle_passes.saturating_add(1) } else { 0 };
        let doublings = self.idle_passes.saturating_sub(1);
        let interval = doubled(self.interval, doublings).min(self.longest);
        self.jittered(interval)
    }

    pub(super) fn after_failure(&mut self, retry_after: Option<Duration>) -> Duration {
        let wait = doubled(FIRST_RETRY, self.failures).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        let asked = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        // Without jitter a run can be foretold.
        let random = if self.jitter > 0.0 { self.random.f64() } else { 0.0 };
        self.jittered(wait).max(asked + RetryAfter::jitter(asked, random))
    }

    /// A page came.
    pub(super) fn recovered(&mut self) {
        self.failures = 0;
    }

    fn jittered(&mut self, wait: Duration) -> Duration {
        wait.mul_f64(1.0 + self.jitter * (2.0 * self.random.f64() - 1.0))
    }
}

fn doubled(wait: Duration, times: u32) -> Duration {
    wait.saturating_mul(2_u32.saturating_pow(times.min(30)))
}
