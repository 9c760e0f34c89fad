//! How a delivery ended.

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use http::{Response, StatusCode};
use martello_outcome::{Attempt, Attempts, CallError, ErrorKind, Outcome, RetryAfter, TrackingId};
use tokio::time::Instant;

use crate::Outbox;

/// What a delivery says at its end.
#[derive(Debug)]
pub(super) enum DeliveryResult {
    /// Nothing was put on the wire: the entry is given back.
    NotSent {
        /// Because the user's stack would not take it, and not because the worker stops.
        refused: bool,
    },
    /// A layer of the user's stack failed before it called the client: the entry is given back, and its API held.
    Untried(Box<str>),
    /// This worker is not set up to send it, and another may be: the entry is given back, and this worker rests.
    CannotSend(Box<str>),
    /// The lease was lost: the entry is another's, or the store's to sweep.
    LeaseLost,
    /// An attempt was made, or the request cannot be sent at all.
    Attempted(Box<AttemptResult>),
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct AttemptResult {
    pub(super) outcome: Outcome,
    /// How the entry's delivery ended with it: as the attempt, unless an earlier one has to do with that.
    pub(super) call: Outcome,
    /// That of the error, if it ended with one.
    pub(super) kind: Option<ErrorKind>,
    pub(super) status: Option<StatusCode>,
    pub(super) tracking_id: Option<TrackingId>,
    pub(super) fault: Option<Box<str>>,
    pub(super) retry_after: Duration,
    pub(super) started: Instant,
    pub(super) duration: Duration,
    /// Whether it says nothing about how the server is.
    pub(super) of_our_own: bool,
}

impl AttemptResult {
    /// An attempt since then that ended with no answer.
    pub(super) fn new(outcome: Outcome, started: Instant) -> Self {
        Self {
            outcome,
            call: outcome,
            kind: None,
            status: None,
            tracking_id: None,
            fault: None,
            retry_after: Duration::ZERO,
            started,
            duration: started.elapsed(),
            of_our_own: false,
        }
    }

    pub(super) fn of_response<B>(outbox: &Outbox, response: &Response<B>, started: Instant) -> Self {
        let status = response.status();
        let mut result = Self::new(outbox.settings.classifier.status(status), started);
        let last = || Attempts::of(response).and_then(|attempts| attempts.last()?.tracking_id);
        result.status = Some(status);
        result.tracking_id = TrackingId::of(response).copied().or_else(last);
        if !result.outcome.is_success() {
            let asked = RetryAfter::from_headers(response.headers(), SystemTime::now());
            result.retry_after = asked.map_or(Duration::ZERO, RetryAfter::duration);
        }
        result
    }

    pub(super) fn of_error(error: &CallError, started: Instant) -> Self {
        let mut result = Self::new(error.outcome(), started);
        let last = error.attempts().last();
        result.kind = Some(error.kind());
        // What the client refuses, no server has seen.
        result.of_our_own = error.kind() == ErrorKind::Unsendable;
        result.status = last.and_then(|attempt| attempt.status).or(error.last_status());
        result.tracking_id = last.and_then(|attempt| attempt.tracking_id);
        result.with_fault(error)
    }

    /// This result, with the error and its sources as its fault.
    pub(super) fn with_fault(mut self, error: &(dyn Error + 'static)) -> Self {
        self.fault = Attempt::new(1, SystemTime::UNIX_EPOCH, self.outcome).with_fault(error).fault;
        self
    }

    /// This result, with this text as its fault, in one line and within its bound; an empty one says nothing.
    pub(super) fn saying(self, text: impl Into<String>) -> Self {
        let text = Said(text.into());
        if text.0.trim().is_empty() { self } else { self.with_fault(&text) }
    }

    /// This result, of a failure that the server has no part in.
    pub(super) fn of_our_own(mut self) -> Self {
        self.of_our_own = true;
        self
    }
}

/// Whether a layer of the stack turned the request away, or let it wait for too long, before anything was sent.
pub(super) fn was_refused(error: &CallError) -> bool {
    let by_itself =
        matches!(error.kind(), ErrorKind::LimitFull | ErrorKind::LimitWaitTimeout | ErrorKind::Deadline);
    by_itself && error.outcome() == Outcome::Unsent && error.attempts().is_empty()
}

#[derive(Debug)]
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Said {}
