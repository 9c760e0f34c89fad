use std::{ops::RangeInclusive, time::Duration};

use martello_outcome::ConfigError;

use super::policy::Policy;
use crate::WorkerId;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const LEASE: RangeInclusive<Duration> = SECOND..=HOUR;
const BACKOFF_BASE: RangeInclusive<Duration> = MILLISECOND..=HOUR;
const POLL_EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
const RETENTION: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(10 * 366 * 24 * 60 * 60);
const HOLD_AFTER: RangeInclusive<u32> = 1..=1_000;

/// How a worker works, checked. A clone is for another worker, which draws its own jitter.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    pub(super) name: Option<WorkerId>,
    pub(super) lease: Duration,
    pub(super) attempt_timeout: Duration,
    pub(super) policy: Policy,
    pub(super) hold_after: u32,
    pub(super) grace: Option<Duration>,
    pub(super) poll_every: Duration,
    pub(super) retention: Duration,
    pub(super) seed: Option<u64>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            name: None,
            lease: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(30),
            policy: Policy { base: SECOND, cap: HOUR },
            hold_after: 5,
            grace: None,
            poll_every: Duration::from_secs(5),
            retention: 7 * DAY,
            seed: None,
        }
    }
}

impl WorkerOptions {
    /// Collects how a worker shall work.
    pub fn builder() -> WorkerOptionsBuilder {
        WorkerOptionsBuilder::default()
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace.unwrap_or(self.attempt_timeout)
    }

    pub(super) fn worker(&self, random: &mut fastrand::Rng) -> WorkerId {
        let unnamed = || WorkerId::unnamed(std::process::id(), random.u32(..));
        self.name.clone().unwrap_or_else(unnamed)
    }

    pub(super) fn random(&self) -> fastrand::Rng {
        self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)
    }
}

/// Collects how a [`Worker`](crate::Worker) shall work; [`build`](Self::build) checks it.
///
/// | what | default | reason |
/// |---|---|---|
/// | lease | 60 s | a worker that died is missed after a minute; one that lives renews it every 20 s |
/// | attempt timeout | 30 s | what load balancers allow a server |
/// | backoff | 1 s, doubled up to 1 h | a short outage costs seconds, a long one few attempts |
/// | hold after | 5 failures in a row | as many as are in in_flight when a server goes down |
/// | grace | the attempt timeout | then no attempt is left that may still be answered |
/// | poll every | 5 s | a store says what is new within a second: this is for what it could not say |
/// | retention | 7 days | as long as duplicates are told, and as anybody asks what became of a request |
///
/// ```
/// use std::time::Duration;
/// use martello_outbox::WorkerOptions;
///
/// let options = WorkerOptions::builder()
///     .lease(Duration::from_secs(30))
///     .attempt_timeout(Duration::from_secs(10))
///     .backoff(Duration::from_secs(2), Duration::from_secs(600))
///     .build()?;
/// # Ok::<(), martello_outbox::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct WorkerOptionsBuilder {
    options: WorkerOptions,
    name: Option<String>,
}

impl WorkerOptionsBuilder {
    /// The worker's name in leases and attempts, such as the host's: 1 to 128 bytes without control characters. It need
    /// not be unique. By default, `worker-` with the process's number and four random bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How long a claim lasts without a heartbeat, 1 s to 1 h. The heartbeat comes three times as often. It
    /// must be longer than the attempt timeout, so that an attempt of a worker that can no longer reach the
    /// store ends before another makes the next.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.options.lease = lease;
        self
    }

    /// The longest time from the start of an attempt to the response's head, 1 ms up to, but not including,
    /// the lease. It does not run while a limit of the stack holds the request back. An attempt that timed
    /// out is ambiguous.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.options.attempt_timeout = timeout;
        self
    }

    /// The wait after an entry's first failure, 1 ms to 1 h, which doubles with each further one up to `cap`,
    /// which is from `base` to 24 h. It is drawn by jitter from nothing to the whole (“full jitter”). A longer
    /// `Retry-After` counts, up to 1 h.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.options.policy = Policy { base, cap };
        self
    }

    /// After how many failures in a row of one API it is held in the queue, 1 to 1,000. A hold lasts from 1 s to 60 s,
    /// and longer with each in a row. A longer `Retry-After` counts, up to 1 h.
    pub fn hold_after(mut self, failures: u32) -> Self {
        self.options.hold_after = failures;
        self
    }

    /// How long a shutdown waits for what is on the wire, up to 1 h.
    pub fn grace(mut self, time: Duration) -> Self {
        self.options.grace = Some(time);
        self
    }

    /// How long an idle worker goes without asking the store, 100 ms to 60 s.
    pub fn poll_every(mut self, time: Duration) -> Self {
        self.options.poll_every = time;
        self
    }

    /// How long what was delivered or cancelled is kept, up to ten years. Dead letters are kept until somebody deletes
    /// them.
    pub fn retention(mut self, time: Duration) -> Self {
        self.options.retention = time;
        self
    }

    /// Draws the jitter from this seed, so that a run can be repeated. Without it each worker has its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// The options.
    ///
    /// # Errors
    ///
    /// The first that is out of its range.
    pub fn build(self) -> Result<WorkerOptions, ConfigError> {
        let mut options = self.options;
        if let Some(name) = self.name {
            let expected = "1 to 128 bytes without control characters";
            let invalid = |_| ConfigError::new("name", format_args!("{name:?}"), expected);
            options.name = Some(WorkerId::new(&name).map_err(invalid)?);
        }
        let Policy { base, cap } = options.policy;
        check("lease", options.lease, &LEASE, "1 s to 1 h")?;
        let below_lease = MILLISECOND..=options.lease.saturating_sub(MILLISECOND);
        check(
            "attempt_timeout",
            options.attempt_timeout,
            &below_lease,
            "at least 1 ms, and less than `lease`",
        )?;
        check("backoff base", base, &BACKOFF_BASE, "1 ms to 1 h")?;
        check("backoff cap", cap, &(base..=DAY), "from the base to 24 h")?;
        if !HOLD_AFTER.contains(&options.hold_after) {
            return Err(ConfigError::new("hold_after", options.hold_after, "1 to 1,000"));
        }
        check("grace", options.grace(), &(Duration::ZERO..=HOUR), "up to 1 h")?;
        check("poll_every", options.poll_every, &POLL_EVERY, "100 ms to 60 s")?;
        check("retention", options.retention, &RETENTION, "up to ten years")?;
        Ok(options)
    }
}

fn check(
    field: &'static str,
    value: Duration,
    range: &RangeInclusive<Duration>,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&value) { Ok(()) } else { Err(ConfigError::new(field, format!("{value:?}"), expected)) }
}
