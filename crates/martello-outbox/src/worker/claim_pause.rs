use std::time::Duration;

use martello_outcome::Backoff;
use tokio::time::Instant;

/// The pause after the stack has refused a request, or the worker has no sealing for it.
const REFUSED: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// The pause after a layer failed before it called the client. The worker still has entries for other
/// authorities to deliver.
const BEFORE_CLIENT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// A pause in claiming after the worker's own stack did not send a request: it would not send the next one
/// either.
///
/// The pause is local to this worker. It grows until an attempt reaches the client.
#[derive(Debug, Default)]
pub(super) struct ClaimPause {
    /// Pauses since the last attempt that reached the client.
    pauses: u32,
    until: Option<Instant>,
}

impl ClaimPause {
    /// When the pause ends, if it has not ended yet.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// The stack refused a request or was not ready, or this worker has no sealing for it.
    pub(super) fn refused(&mut self, now: Instant, random: f64) {
        self.start(now, REFUSED, random);
    }

    /// A layer failed before it called the client, for an authority without a hold. The store holds that
    /// authority from now on, but it remembers a limited number of holds: with more failing authorities than
    /// that,
    /// this pause keeps the worker from looping without a wait.
    pub(super) fn failed_before_client(&mut self, now: Instant, random: f64) {
        self.start(now, BEFORE_CLIENT, random);
    }

    /// An attempt reached the client.
    pub(super) fn attempted(&mut self) {
        self.pauses = 0;
    }

    fn start(&mut self, now: Instant, (base, cap): (Duration, Duration), random: f64) {
        if self.until(now).is_none() {
            self.pauses = self.pauses.saturating_add(1);
            self.until = Some(now + Backoff::new(base, cap).with_jitter(0.5).wait(self.pauses, random));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_an_attempt_reaches_the_client() {
        let (mut pause, mut now) = (ClaimPause::default(), Instant::now());
        let mut next = |pause: &mut ClaimPause, start: fn(&mut ClaimPause, Instant, f64)| {
            start(pause, now, 0.0);
            let until = pause.until(now).unwrap();
            let wait = until - now;
            now = until;
            wait.as_millis()
        };
        assert_eq!([(); 3].map(|()| next(&mut pause, ClaimPause::refused)), [100, 200, 400]);
        assert_eq!([(); 2].map(|()| next(&mut pause, ClaimPause::failed_before_client)), [800, 1_000]);
        assert_eq!(next(&mut pause, ClaimPause::refused), 3_200);
        pause.attempted();
        assert_eq!(next(&mut pause, ClaimPause::refused), 100);
    }

    #[test]
    fn a_refusal_during_a_pause_does_not_extend_it() {
        let (mut pause, now) = (ClaimPause::default(), Instant::now());
        pause.refused(now, 0.0);
        let until = pause.until(now);
        pause.refused(now + REFUSED.0 / 2, 0.0);
        assert_eq!(pause.until(now), until);
        assert_eq!(pause.until(now + REFUSED.0), None);
    }
}
