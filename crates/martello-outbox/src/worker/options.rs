use std::{ops::RangeInclusive, time::Duration};

use martello_outcome::{Backoff, ConfigError};

use crate::store::WorkerId;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const LEASE: RangeInclusive<Duration> = SECOND..=HOUR;
const BACKOFF_BASE: RangeInclusive<Duration> = MILLISECOND..=HOUR;
const POLL_EVERY: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
const RETENTION: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(10 * 366 * 24 * 60 * 60);
const HOLD_AFTER: RangeInclusive<u32> = 1..=1_000;

/// The checked options of a [`Worker`](crate::Worker). A clone may configure another worker, which draws its
/// own jitter.
///
/// ```
/// use martello_outbox::{MemoryStore, Outbox, WorkerOptions};
///
/// # fn example<S>(stack: S) -> Result<(), martello_outbox::ConfigError> {
/// let options = WorkerOptions::builder().name("eu-1").hold_after(10).build()?;
/// let worker = Outbox::new(MemoryStore::new()).worker(stack).with_options(options);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    name: Option<WorkerId>,
    lease_duration: Duration,
    attempt_timeout: Duration,
    backoff: Backoff,
    hold_after: u32,
    grace: Option<Duration>,
    poll_every: Duration,
    retention: Duration,
    seed: Option<u64>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            name: None,
            lease_duration: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(30),
            backoff: Backoff::new(SECOND, HOUR),
            hold_after: 5,
            grace: None,
            poll_every: Duration::from_secs(5),
            retention: 7 * DAY,
            seed: None,
        }
    }
}

impl WorkerOptions {
    /// Starts from the defaults.
    ///
    /// ```
    /// use martello_outbox::WorkerOptions;
    ///
    /// assert!(WorkerOptions::builder().hold_after(0).build().is_err());
    /// ```
    pub fn builder() -> WorkerOptionsBuilder {
        WorkerOptionsBuilder::default()
    }

    pub(super) fn lease_duration(&self) -> Duration {
        self.lease_duration
    }

    pub(super) fn attempt_timeout(&self) -> Duration {
        self.attempt_timeout
    }

    pub(super) fn backoff(&self) -> &Backoff {
        &self.backoff
    }

    pub(super) fn hold_after(&self) -> u32 {
        self.hold_after
    }

    pub(super) fn grace(&self) -> Duration {
        self.grace.unwrap_or(self.attempt_timeout)
    }

    pub(super) fn poll_every(&self) -> Duration {
        self.poll_every
    }

    pub(super) fn retention(&self) -> Duration {
        self.retention
    }

    pub(super) fn worker(&self, rng: &mut fastrand::Rng) -> WorkerId {
        let unnamed = || WorkerId::unnamed(std::process::id(), rng.u32(..));
        self.name.clone().unwrap_or_else(unnamed)
    }

    pub(super) fn rng(&self) -> fastrand::Rng {
        self.seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)
    }
}

/// Builds [`WorkerOptions`]; [`build`](Self::build) checks them.
///
/// | option | default | reason |
/// |---|---|---|
/// | lease | 60 s | other workers take over a minute after a worker dies; a live one renews it every 20 s |
/// | attempt timeout | 30 s | the usual timeout of load balancers |
/// | backoff | 1 s, doubled up to 1 h | a short outage costs seconds, a long one few attempts |
/// | hold after | 5 failures in a row | as many as are in flight by default when a server goes down |
/// | grace | the attempt timeout | after it, no attempt is left that may still be answered |
/// | poll every | 5 s | a store notifies of changes within a second; polling finds what it could not notify of |
/// | retention | 7 days | duplicates are detected, and delivered entries can be looked up, for as long |
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
    /// Sets the worker's name in leases and attempts, such as the host's name: 1 to 128 bytes without control
    /// characters. It need not be unique. By default, `worker-` with the process id and four random bytes.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets how long a claim lasts without a heartbeat, 1 s to 1 h. The worker sends three heartbeats per
    /// lease.
    ///
    /// The lease must be longer than the attempt timeout, so that an attempt of a worker that has lost its
    /// connection to the store ends before another worker makes the next one.
    pub fn lease(mut self, duration: Duration) -> Self {
        self.options.lease_duration = duration;
        self
    }

    /// Sets the longest time from the start of an attempt to the response's head: from 1 ms to less than the
    /// lease.
    ///
    /// Time in the queue of a limit layer does not count. An attempt that times out is ambiguous.
    pub fn attempt_timeout(mut self, timeout: Duration) -> Self {
        self.options.attempt_timeout = timeout;
        self
    }

    /// Sets the wait after an entry's first failure, 1 ms to 1 h. It doubles with each failure up to `cap`,
    /// which is from `base` to 24 h.
    ///
    /// The worker waits a random time between zero and this (“full jitter”). It waits longer if a
    /// `Retry-After` asks for it, up to 1 h.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        self.options.backoff = Backoff::new(base, cap);
        self
    }

    /// Sets after how many failures in a row an authority is held in the queue, 1 to 1,000.
    ///
    /// A hold lasts from 1 s to 60 s, and longer with each hold in a row. It lasts longer if a `Retry-After`
    /// asks for it, up to 1 h.
    pub fn hold_after(mut self, failures: u32) -> Self {
        self.options.hold_after = failures;
        self
    }

    /// Sets how long a shutdown waits for requests on the wire, up to 1 h.
    pub fn grace(mut self, time: Duration) -> Self {
        self.options.grace = Some(time);
        self
    }

    /// Sets how long an idle worker waits between two turns at the store, 100 ms to 60 s.
    pub fn poll_every(mut self, time: Duration) -> Self {
        self.options.poll_every = time;
        self
    }

    /// Sets how long delivered and cancelled entries are kept, up to ten years. Dead letters are kept until
    /// they are purged.
    pub fn retention(mut self, time: Duration) -> Self {
        self.options.retention = time;
        self
    }

    /// Seeds the jitter, so that a run can be repeated. By default each worker has a random seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = Some(seed);
        self
    }

    /// Checks the options.
    ///
    /// # Errors
    ///
    /// Names the first option that is out of its range.
    pub fn build(self) -> Result<WorkerOptions, ConfigError> {
        let mut options = self.options;
        if let Some(name) = self.name {
            let expected = "1 to 128 bytes without control characters";
            let invalid = |_| ConfigError::new("name", format_args!("{name:?}"), expected);
            options.name = Some(WorkerId::new(&name).map_err(invalid)?);
        }
        let (base, cap) = (options.backoff.base(), options.backoff.cap());
        check("lease", options.lease_duration, &LEASE, "1 s to 1 h")?;
        let below_lease = MILLISECOND..=options.lease_duration.saturating_sub(MILLISECOND);
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
