use std::time::Duration;

use tokio::time::Instant;

use super::stop::StopLevel;

/// How long a shutdown waits for the store after the last delivery has ended.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// The deadlines of a shutdown, once it has begun.
#[derive(Debug)]
pub(super) struct Shutdown {
    grace: Duration,
    deadlines: Option<Deadlines>,
}

#[derive(Debug)]
struct Deadlines {
    /// When deliveries that are on the wire are cancelled.
    cancel: Instant,
    /// When the worker ends, whatever is left.
    end: Instant,
}

impl Shutdown {
    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, deadlines: None }
    }

    pub(super) fn begin(&mut self, now: Instant) {
        let cancel = now + self.grace;
        self.deadlines = Some(Deadlines { cancel, end: cancel + SETTLE_WITHIN });
    }

    pub(super) fn has_begun(&self) -> bool {
        self.deadlines.is_some()
    }

    /// What the deliveries have to do now. Without running deliveries, only the settlements are waited for.
    pub(super) fn update(&mut self, now: Instant, deliveries_run: bool) -> StopLevel {
        let Some(deadlines) = &mut self.deadlines else { return StopLevel::Continue };
        if !deliveries_run {
            deadlines.end = deadlines.end.min(now + SETTLE_WITHIN);
        }
        if deadlines.cancel <= now { StopLevel::StopNow } else { StopLevel::StopIfUnsent }
    }

    /// When the next deadline passes.
    pub(super) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let Deadlines { cancel, end } = self.deadlines.as_ref()?;
        Some(if *cancel > now { *cancel.min(end) } else { *end })
    }

    /// Whether the worker ends now.
    pub(super) fn is_over(&self, now: Instant, work_is_left: bool) -> bool {
        let Some(deadlines) = &self.deadlines else { return false };
        !work_is_left || deadlines.end <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn without_a_shutdown_the_worker_goes_on() {
        let (mut shutdown, now) = (Shutdown::new(GRACE), Instant::now());
        assert_eq!(shutdown.update(now, false), StopLevel::Continue);
        assert!(!shutdown.is_over(now, false) && !shutdown.has_begun());
        assert_eq!(shutdown.next_deadline(now), None);
    }

    #[test]
    fn deliveries_are_cancelled_after_the_grace_and_the_worker_ends_five_seconds_later() {
        let (mut shutdown, now) = (Shutdown::new(GRACE), Instant::now());
        shutdown.begin(now);
        assert_eq!(shutdown.update(now, true), StopLevel::StopIfUnsent);
        assert_eq!(shutdown.next_deadline(now), Some(now + GRACE));
        let cancel = now + GRACE;
        assert_eq!(shutdown.update(cancel, true), StopLevel::StopNow);
        assert_eq!(shutdown.next_deadline(cancel), Some(cancel + SETTLE_WITHIN));
        assert!(!shutdown.is_over(cancel, true) && shutdown.is_over(cancel, false));
        assert!(shutdown.is_over(cancel + SETTLE_WITHIN, true));
    }

    #[test]
    fn without_deliveries_the_store_has_five_seconds() {
        let (mut shutdown, now) = (Shutdown::new(GRACE), Instant::now());
        shutdown.begin(now);
        shutdown.update(now + SECOND, false);
        shutdown.update(now + 2 * SECOND, false);
        assert_eq!(shutdown.next_deadline(now + SECOND), Some(now + SECOND + SETTLE_WITHIN));
        assert!(shutdown.is_over(now + SECOND + SETTLE_WITHIN, true));
    }
}
