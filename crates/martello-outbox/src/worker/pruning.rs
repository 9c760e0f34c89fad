use std::time::Duration;

use tokio::time::Instant;

use super::failure_backoff::FailureBackoff;
use crate::StoreError;

/// How often a worker prunes, with ±25 % of jitter so that workers spread out.
const EVERY: Duration = Duration::from_secs(60);
/// The pause after a prune that has reached its limit: more old entries may be left.
const EVERY_WHILE_MORE: Duration = Duration::from_secs(1);

/// Schedules the deletion of old entries.
#[derive(Debug)]
pub(super) struct Pruning {
    /// When to prune next; `None` once the worker shuts down.
    next: Option<Instant>,
    /// Only for the log: the interval is longer than any backoff.
    backoff: FailureBackoff,
}

impl Pruning {
    /// The most entries that one prune deletes.
    pub(super) const LIMIT: usize = 1_000;

    pub(super) fn new(now: Instant) -> Self {
        Self { next: Some(now), backoff: FailureBackoff::new("prune old entries") }
    }

    /// When to prune next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Whether to prune now; schedules the next one if so.
    pub(super) fn start(&mut self, now: Instant, rng: &mut fastrand::Rng) -> bool {
        let is_due = self.next.is_some_and(|next| next <= now);
        if is_due {
            self.next = Some(now + EVERY.mul_f64(0.75 + rng.f64() / 2.0));
        }
        is_due
    }

    pub(super) fn succeeded(&mut self, deleted: u64, now: Instant) {
        self.backoff.succeeded();
        let has_more = usize::try_from(deleted).is_ok_and(|deleted| deleted >= Self::LIMIT);
        if has_more && self.next.is_some() {
            self.next = Some(now + EVERY_WHILE_MORE);
        }
    }

    pub(super) fn failed(&mut self, error: &StoreError, now: Instant, random: f64) {
        self.backoff.failed(error, now, random);
    }

    /// The worker shuts down and prunes no more.
    pub(super) fn stop(&mut self) {
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prunes_once_a_minute_and_each_second_while_more_is_left() {
        let (now, mut rng) = (Instant::now(), fastrand::Rng::with_seed(7));
        let mut pruning = Pruning::new(now);
        assert!(pruning.start(now, &mut rng));
        assert!(!pruning.start(now, &mut rng));
        let next = pruning.next().unwrap() - now;
        assert!((EVERY.mul_f64(0.75)..=EVERY.mul_f64(1.25)).contains(&next), "{next:?}");

        pruning.succeeded(1_000, now);
        assert_eq!(pruning.next(), Some(now + EVERY_WHILE_MORE));
        assert!(pruning.start(now + EVERY_WHILE_MORE, &mut rng));
        pruning.succeeded(999, now + EVERY_WHILE_MORE);
        assert!(pruning.next().unwrap() > now + EVERY / 2);
    }

    #[test]
    fn a_worker_that_shuts_down_prunes_no_more() {
        let (now, mut rng) = (Instant::now(), fastrand::Rng::with_seed(7));
        let mut pruning = Pruning::new(now);
        pruning.stop();
        pruning.succeeded(1_000, now);
        assert!(!pruning.start(now, &mut rng));
        assert_eq!(pruning.next(), None);
    }
}
