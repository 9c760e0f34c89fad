use std::{fmt, time::Duration};

use crate::{Counts, Latency, Record};

/// The report of a run. Its size does not depend on the number of entities.
///
/// ```
/// # use futures_util::stream;
/// # use http::{Request, Response};
/// use martello_upsert::UpsertAll;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let stack = tower::service_fn(|_: Request<martello_body::Body>| async {
/// #     Ok::<_, http::Error>(Response::new(martello_body::Body::empty()))
/// # });
/// let upserts = UpsertAll::new(stack, |id: &u32| Request::put(format!("https://api.example/{id}")).body("{}"));
/// let report = upserts.run(stream::iter([1, 2, 3])).await?;
/// assert!(report.is_success());
/// assert_eq!((report.counts().written(), report.latency().count()), (3, 3));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    counts: Counts,
    latency: Latency,
    slowest: Vec<Record>,
    failures: Vec<Record>,
    stopped: bool,
    elapsed: Duration,
}

impl Report {
    /// How many of the slowest entities are kept.
    pub const MOST_SLOWEST: usize = 10;
    /// How many failures are kept: the first ones.
    pub const MOST_FAILURES: usize = 100;

    pub(crate) fn new() -> Self {
        Self {
            counts: Counts::default(),
            latency: Latency::new(),
            slowest: Vec::with_capacity(Self::MOST_SLOWEST + 1),
            failures: Vec::new(),
            stopped: false,
            elapsed: Duration::ZERO,
        }
    }

    pub(crate) fn add(&mut self, record: &Record) {
        self.counts.add(record.outcome);
        if record.outcome.is_failure() && self.failures.len() < Self::MOST_FAILURES {
            self.failures.push(record.clone());
        }
        if record.attempts == 0 {
            return;
        }
        self.latency.add(record.latency);
        let full = self.slowest.len() == Self::MOST_SLOWEST;
        if full && self.slowest.last().is_some_and(|last| last.latency >= record.latency) {
            return;
        }
        let place = self.slowest.partition_point(|slower| slower.latency >= record.latency);
        self.slowest.insert(place, record.clone());
        self.slowest.truncate(Self::MOST_SLOWEST);
    }

    pub(crate) fn end(mut self, elapsed: Duration, stopped: bool) -> Self {
        self.elapsed = elapsed;
        self.stopped = stopped;
        self
    }

    /// How many entities ended with each outcome. Every entity that was taken from the input is counted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The latencies of the entities that were sent.
    #[must_use]
    pub fn latency(&self) -> &Latency {
        &self.latency
    }

    /// The [`Report::MOST_SLOWEST`] slowest entities, the slowest first.
    #[must_use]
    pub fn slowest(&self) -> &[Record] {
        &self.slowest
    }

    /// The first [`Report::MOST_FAILURES`] failures (conflict, rejected, exhausted or ambiguous), in the
    /// order in which they ended. [`Report::counts`] has the total.
    #[must_use]
    pub fn failures(&self) -> &[Record] {
        &self.failures
    }

    /// Whether the run was stopped before the end of the input.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether the whole input was read and nothing failed: each entity is written, superseded or deferred.
    #[must_use]
    pub fn is_success(&self) -> bool {
        !self.stopped && self.counts.failed() == 0
    }

    /// The duration of the run.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }
}

/// A few lines for a person to read.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.counts.total();
        writeln!(f, "{total} entities in {:.1} s", self.elapsed.as_secs_f64())?;
        for (outcome, count) in self.counts.iter() {
            writeln!(f, "  {outcome:<14} {count}")?;
        }
        let millis = |share| self.latency.quantile(share).as_secs_f64() * 1e3;
        if self.latency.count() > 0 {
            let (p50, p99) = (millis(0.5), millis(0.99));
            let max = self.latency.max().as_secs_f64() * 1e3;
            writeln!(f, "  latency        {p50:.0} ms median, {p99:.0} ms p99, {max:.0} ms at most")?;
        }
        for record in &self.failures {
            writeln!(f, "  {record}")?;
        }
        match self.counts.failed().saturating_sub(u64::try_from(self.failures.len()).unwrap_or(u64::MAX)) {
            0 => Ok(()),
            more => writeln!(f, "  and {more} failures more"),
        }
    }
}
