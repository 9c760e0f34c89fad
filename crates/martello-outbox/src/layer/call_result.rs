use std::time::{Duration, SystemTime};

use http::{Method, Response, StatusCode};
use martello_outcome::{
    Attempt, Attempts, CallError, Classifier, ErrorKind, Outcome, RetryAfter, TrackingId,
};
use tokio::time::Instant;

use crate::{Overtaken, Reason, disposition::Disposition};

/// The longest wait for a `Retry-After`. It is also the longest wait of a worker.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(60 * 60);

/// When a call began.
#[derive(Clone, Copy)]
pub(super) struct Began {
    at: SystemTime,
    instant: Instant,
}

impl Began {
    pub(super) fn now() -> Self {
        Self { at: SystemTime::now(), instant: Instant::now() }
    }
}

/// The state in which a request is stored.
#[derive(Clone, Copy)]
pub(super) enum StoreAs {
    /// A worker delivers it.
    Ready,
    /// It must not be sent again.
    DeadLetter(Reason),
}

impl StoreAs {
    pub(super) fn reason(self) -> Option<Reason> {
        match self {
            Self::Ready => None,
            Self::DeadLetter(reason) => Some(reason),
        }
    }
}

/// The result of a call through the inner stack.
pub(super) struct CallResult {
    /// The outcome of the call: that of its last attempt, unless an earlier attempt may have caused that.
    pub(super) outcome: Outcome,
    last: Outcome,
    kind: Option<ErrorKind>,
    pub(super) status: Option<StatusCode>,
    pub(super) attempts: Attempts,
    pub(super) retry_after: Duration,
}

impl CallResult {
    /// The result of a call that returned a response. A retry layer records the attempts, unless the first
    /// was a success. Without a record, the response is the only attempt.
    pub(super) fn of_response<B>(
        classifier: &Classifier,
        method: &Method,
        response: &Response<B>,
        began: Began,
    ) -> Self {
        let status = response.status();
        let attempts = match Attempts::of(response) {
            Some(attempts) if !attempts.is_empty() => attempts.clone(),
            _ => {
                let mut attempt = attempt(began, classifier.status(status));
                attempt.status = Some(status);
                attempt.tracking_id = TrackingId::of(response).copied();
                Attempts::from(vec![attempt])
            }
        };
        let last = attempts.outcome().unwrap_or(Outcome::Ambiguous);
        let outcome = attempts.call_outcome(method).unwrap_or(last);
        let retry_after = RetryAfter::from_headers(response.headers(), SystemTime::now());
        let retry_after = retry_after.map_or(Duration::ZERO, |after| {
            RetryAfter::capped_wait(after.duration(), RETRY_AFTER_CAP, fastrand::f64())
        });
        Self { outcome, last, kind: None, status: Some(status), attempts, retry_after }
    }

    /// The result of a call that failed. `began` is the time at which the stack was called, if it was.
    pub(super) fn of_error(method: &Method, error: &CallError, began: Option<Began>) -> Self {
        let (kind, last) = (error.kind(), error.outcome());
        let attempts = match began {
            Some(began) if error.attempts().is_empty() && kind.attempted() => {
                Attempts::from(vec![attempt(began, last).with_fault(error)])
            }
            _ => error.attempts().clone(),
        };
        let status = attempts.last().and_then(|attempt| attempt.status);
        let outcome = match last {
            Outcome::Rejected => attempts.call_outcome(method).unwrap_or(last),
            _ => last,
        };
        Self { outcome, last, kind: Some(kind), status, attempts, retry_after: Duration::ZERO }
    }

    /// The mark for the dead letters of its key: certain if the call was delivered, possible if it may have
    /// been.
    pub(super) fn overtakes(&self) -> Option<Overtaken> {
        match self.outcome {
            Outcome::Success => Some(Overtaken::Certainly),
            outcome => {
                let possibly = outcome.may_be_processed(self.status) || self.attempts.may_be_processed();
                possibly.then_some(Overtaken::Possibly)
            }
        }
    }

    /// How to store the request. `None` returns the result to the caller.
    pub(super) fn store_as(&self, repeatable: bool) -> Option<StoreAs> {
        let disposition = Disposition::of(self.last, self.kind, self.status, repeatable);
        match disposition.of_call(self.last, self.outcome) {
            Disposition::Defer { .. } => Some(StoreAs::Ready),
            Disposition::DeadLetter(reason @ Reason::Ambiguous) => Some(StoreAs::DeadLetter(reason)),
            Disposition::DeadLetter(_) | Disposition::Return => None,
        }
    }
}

fn attempt(began: Began, outcome: Outcome) -> Attempt {
    let mut attempt = Attempt::new(1, began.at, outcome);
    attempt.duration = began.instant.elapsed();
    attempt
}
