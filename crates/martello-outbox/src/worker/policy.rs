//! What becomes of an entry after an attempt, and when it goes again. No I/O, no clock, no sleeping.

use std::time::Duration;

use martello_outcome::RetryAfter;

use super::delivery_result::AttemptResult;
use crate::{End, Entry, Reason, disposition::Disposition};

/// The longest `Retry-After` that is believed: a proxy's date may be off by more than anybody wants to wait.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(60 * 60);

/// How many failures an entry that was replayed is taken to have behind it where its tries do not tell: the wait is
/// then about a minute with the default backoff.
const AFTER_A_REPLAY: u32 = 7;

/// Exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Policy {
    pub(super) base: Duration,
    pub(super) cap: Duration,
}

impl Policy {
    /// What becomes of the entry, which was claimed as it is here; `jitter` is drawn from 0 to 1.
    pub(super) fn end(&self, entry: &Entry, result: &AttemptResult, jitter: f64) -> End {
        let disposition = Disposition::of(result.outcome, result.kind, result.status, entry.repeatable);
        match disposition.of_call(result.outcome, result.call) {
            Disposition::Return => End::Done,
            Disposition::DeadLetter(reason) => End::Dead(reason),
            Disposition::Defer { counts: true } if entry.tries >= entry.max_attempts => {
                End::Dead(Reason::Exhausted)
            }
            // One that expires before it is due again is left to the store, which buries it when its time has come.
            Disposition::Defer { counts } => {
                let wait = self.backoff(failures(entry, counts), jitter);
                End::Again { after: wait.max(asked_for(result.retry_after, jitter)), counts }
            }
        }
    }

    /// The wait after this many failures, from 1: with full jitter, so that what failed together comes back apart.
    pub(super) fn backoff(&self, failures: u32, jitter: f64) -> Duration {
        ceiling(self.base, self.cap, failures).mul_f64(1.0 - jitter.clamp(0.0, 1.0))
    }
}

/// The most that is waited after this many failures.
fn ceiling(base: Duration, cap: Duration, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    base.saturating_mul(1 << doublings).min(cap)
}

/// How long to wait because a `Retry-After` asks for it.
pub(super) fn asked_for(retry_after: Duration, jitter: f64) -> Duration {
    let asked = retry_after.min(RETRY_AFTER_CAP);
    asked + RetryAfter::jitter(asked, jitter)
}

/// A wait of at least half of what it may be, for a few that wait for one thing.
pub(super) fn half_jitter(base: Duration, cap: Duration, failures: u32, jitter: f64) -> Duration {
    ceiling(base, cap, failures).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
}

/// How many times the entry has failed in this life. What does not count as a try is not in its tries, and its attempts
/// reach back beyond a replay.
fn failures(entry: &Entry, counts: bool) -> u32 {
    match (counts, entry.reason) {
        (true, _) => entry.tries,
        (false, None) => entry.attempts,
        (false, Some(_)) => entry.tries.max(AFTER_A_REPLAY),
    }
}
