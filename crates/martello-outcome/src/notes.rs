use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Extensions;

/// What inner layers report to the log record of a call while the call is in progress, so that the record is
/// complete even if the call is dropped.
///
/// The log layer puts one into the request's extensions if it will write a record. A layer that finds none
/// reports nothing. A clone shares the notes.
///
/// ```
/// use std::time::Duration;
/// use martello_outcome::CallNotes;
///
/// let notes = CallNotes::default();
/// notes.attempt(2);
/// notes.waited_for_retry(Duration::from_millis(300));
/// assert_eq!((notes.attempts(), notes.retry_wait().as_millis()), (2, 300));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallNotes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    attempts: AtomicU32,
    permit_wait_nanos: AtomicU64,
    retry_wait_nanos: AtomicU64,
}

impl CallNotes {
    /// The notes of the call that a request with these extensions belongs to.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Reports that the call makes the attempt with this number, counted from 1.
    pub fn attempt(&self, number: u32) {
        self.0.attempts.fetch_max(number, Ordering::Relaxed);
    }

    /// Reports that an attempt waited this long for a permit.
    pub fn waited_for_permit(&self, wait: Duration) {
        add(&self.0.permit_wait_nanos, wait);
    }

    /// Reports that the call waited this long before another attempt.
    pub fn waited_for_retry(&self, wait: Duration) {
        add(&self.0.retry_wait_nanos, wait);
    }

    /// The number of attempts that were reported; zero if no layer reported any.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.0.attempts.load(Ordering::Relaxed)
    }

    /// How long the call waited for permits, over all attempts.
    #[must_use]
    pub fn permit_wait(&self) -> Duration {
        Duration::from_nanos(self.0.permit_wait_nanos.load(Ordering::Relaxed))
    }

    /// How long the call waited between attempts.
    #[must_use]
    pub fn retry_wait(&self) -> Duration {
        Duration::from_nanos(self.0.retry_wait_nanos.load(Ordering::Relaxed))
    }
}

fn add(nanos: &AtomicU64, wait: Duration) {
    let wait = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    let sum = |sum: u64| Some(sum.saturating_add(wait));
    // The closure always returns `Some`, so this cannot fail.
    let _ = nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}
