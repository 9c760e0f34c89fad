use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::Extensions;

/// What the layers inside tell the record of a call while it is under way, so that it is complete even when
/// the call is dropped in the middle.
///
/// The log layer puts one into the request's extensions, and only when it is going to write a record; a layer
/// that finds none says nothing. A clone shares the notes.
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

    /// Says that the call makes its attempt of this number, counted from 1.
    pub fn attempt(&self, number: u32) {
        self.0.attempts.fetch_max(number, Ordering::Relaxed);
    }

    /// Says that an attempt waited this long for a permit.
    pub fn waited_for_permit(&self, wait: Duration) {
        add(&self.0.permit_wait_nanos, wait);
    }

    /// Says that the call waited this long before another attempt.
    pub fn waited_for_retry(&self, wait: Duration) {
        add(&self.0.retry_wait_nanos, wait);
    }

    /// How many attempts were made, as far as anybody said: zero where no layer did.
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
    // The closure always answers, so this cannot fail.
    let _ = nanos.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
}
