use std::time::Duration;

use martello_outcome::ConfigError;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MILLISECOND: Duration = Duration::from_millis(1);

/// The options of a [`Poller`](crate::Poller).
///
/// ```
/// use std::time::Duration;
/// use martello_poll::PollOptions;
///
/// let options = PollOptions::builder().interval(Duration::from_secs(10)).build()?;
/// assert!(PollOptions::builder().interval(Duration::ZERO).build().is_err());
/// # Ok::<(), martello_poll::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PollOptions {
    pub(crate) interval: Duration,
    pub(crate) idle_interval: Duration,
    pub(crate) jitter: f64,
    pub(crate) seed: Option<u64>,
    pub(crate) overlap: Duration,
    pub(crate) remember: usize,
    pub(crate) lease: Duration,
    pub(crate) source_keeps: Option<Duration>,
    pub(crate) resync_on_other_source: bool,
    pub(crate) max_pages: u32,
    pub(crate) max_page_bytes: usize,
}

impl PollOptions {
    /// Starts with the defaults.
    pub fn builder() -> PollOptionsBuilder {
        PollOptionsBuilder::default()
    }
}

impl Default for PollOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(30),
            idle_interval: Duration::from_secs(120),
            jitter: 0.2,
            seed: None,
            overlap: Duration::from_secs(120),
            remember: 100_000,
            lease: Duration::from_secs(60),
            source_keeps: None,
            resync_on_other_source: false,
            max_pages: 10_000,
            max_page_bytes: 16 << 20,
        }
    }
}

/// Builds [`PollOptions`].
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [interval](Self::interval) | 30 s | fast enough for most uses, and 2,880 requests a day |
/// | [idle interval](Self::idle_interval) | 2 min | a longer wait costs little while nothing changes |
/// | [jitter](Self::jitter) | 20 % | spreads pollers that start together |
/// | [overlap](Self::overlap) | 2 min | a transaction that stamps at its start and commits at its end takes less |
/// | [remember](Self::remember) | 100,000 items | 800 changes a second over the overlap, some 10 MiB |
/// | [lease](Self::lease) | 60 s | another poller takes over a minute after a crash |
/// | [source keeps](Self::source_keeps) | for ever | |
/// | [pages](Self::max_pages) | 10,000 | as in `martello-paginate` |
///
/// ```
/// use std::time::Duration;
/// use martello_poll::PollOptions;
///
/// let options = PollOptions::builder().interval(Duration::from_secs(10)).overlap(Duration::from_secs(300)).build()?;
/// # Ok::<(), martello_poll::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct PollOptionsBuilder(PollOptions);

impl PollOptionsBuilder {
    /// Sets the time from the start of one pass to the start of the next, from 1 ms to 24 h. If a pass takes
    /// longer or had a failure, the next one starts immediately.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.0.interval = interval;
        self
    }

    /// Sets the longest interval, up to 24 h. The interval doubles up to it while passes deliver nothing. A
    /// value below the interval has no effect.
    pub fn idle_interval(mut self, interval: Duration) -> Self {
        self.0.idle_interval = interval;
        self
    }

    /// Sets the random part of an interval, from 0 to 1: with 0.2 it is up to 20 % shorter or longer.
    pub fn jitter(mut self, part: f64) -> Self {
        self.0.jitter = part;
        self
    }

    /// Sets the seed of the jitter, for tests.
    pub fn seed(mut self, seed: u64) -> Self {
        self.0.seed = Some(seed);
        self
    }

    /// Sets how long before the watermark the next pass starts, up to 24 h. An item that appears in the list
    /// up to this long after its stamp is not missed.
    pub fn overlap(mut self, overlap: Duration) -> Self {
        self.0.overlap = overlap;
        self
    }

    /// Sets how many delivered items the poller remembers, up to 1,000,000. If more are in the overlap, it
    /// forgets those with the oldest stamps and delivers them again.
    pub fn remember(mut self, items: usize) -> Self {
        self.0.remember = items;
        self
    }

    /// Sets the length of the lease on the checkpoint, from 1 s to 1 h. The poller renews it after a third of
    /// that time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.0.lease = lease;
        self
    }

    /// Sets how long the source keeps changes in its list, at least 1 min. An older watermark is an
    /// [`Event::Resync`](crate::Event::Resync).
    pub fn source_keeps(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.0.source_keeps = time.into();
        self
    }

    /// Requests everything if the checkpoint belongs to another source or to other filters, instead of
    /// failing. The old checkpoint stays until the source has answered.
    pub fn resync_on_other_source(mut self) -> Self {
        self.0.resync_on_other_source = true;
        self
    }

    /// Sets how many pages a pass may have, from 1 to 1,000,000; by default 10,000.
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.0.max_pages = pages;
        self
    }

    /// Sets how large the body of a page may be, from 1 byte to 1 GiB; by default 16 MiB.
    pub fn max_page_bytes(mut self, bytes: usize) -> Self {
        self.0.max_page_bytes = bytes;
        self
    }

    /// Builds the options.
    ///
    /// # Errors
    ///
    /// When a value is out of its range.
    pub fn build(self) -> Result<PollOptions, ConfigError> {
        let options = &self.0;
        let time = |field, value: Duration, least, most, expected| {
            let range = (least..=most).contains(&value);
            if range { Ok(()) } else { Err(ConfigError::new(field, format!("{value:?}"), expected)) }
        };
        time("interval", options.interval, MILLISECOND, DAY, "1 ms to 24 h")?;
        time("idle_interval", options.idle_interval, MILLISECOND, DAY, "1 ms to 24 h")?;
        time("overlap", options.overlap, Duration::ZERO, DAY, "0 to 24 h")?;
        time("lease", options.lease, Duration::from_secs(1), DAY / 24, "1 s to 1 h")?;
        let keeps = options.source_keeps.unwrap_or(DAY);
        time("source_keeps", keeps, DAY / 24 / 60, Duration::MAX, "1 min or more")?;
        let number = |field, value: usize, least, most, expected| {
            let range = (least..=most).contains(&value);
            if range { Ok(()) } else { Err(ConfigError::new(field, value, expected)) }
        };
        number("remember", options.remember, 0, 1_000_000, "0 to 1,000,000")?;
        number("max_pages", options.max_pages as usize, 1, 1_000_000, "1 to 1,000,000")?;
        number("max_page_bytes", options.max_page_bytes, 1, 1 << 30, "1 byte to 1 GiB")?;
        if !(0.0..=1.0).contains(&options.jitter) {
            return Err(ConfigError::new("jitter", options.jitter, "0 to 1"));
        }
        Ok(self.0)
    }
}
