use std::{error::Error, time::Duration};

use tokio::time::Instant;

use super::policy::half_jitter;
use crate::StoreError;

const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The failures in a row of one kind of store operation, which is done again after a wait that grows.
#[derive(Debug)]
pub(super) struct FailureBackoff {
    what: &'static str,
    failures: u32,
    until: Option<Instant>,
}

impl FailureBackoff {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, failures: 0, until: None }
    }

    /// It failed: said once for all in a row.
    pub(super) fn failed(&mut self, error: &StoreError, now: Instant, jitter: f64) {
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + half_jitter(WAIT.0, WAIT.1, self.failures, jitter));
        if self.failures == 1 {
            let cause = error.source().map(ToString::to_string);
            let what = self.what;
            tracing::warn!(exception.message = %error, cause, "the outbox's store failed {what}, and is asked again");
        }
    }

    pub(super) fn passed(&mut self) {
        if self.failures > 0 {
            tracing::info!(failures = self.failures, "the outbox's store is back {}", self.what);
        }
        *self = Self::new(self.what);
    }

    /// Until when to leave the store alone.
    pub(super) fn resting(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}
