use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use http::{Response, StatusCode};
use martello_outcome::{
    Attempt, Attempts, CallError, Classifier, ErrorKind, ErrorText, Outcome, RetryAfter, TrackingId,
    single_line,
};
use tokio::time::Instant;

use super::claimed_entry::{ClaimedEntry, whole_micros};
use crate::{AttemptRecord, disposition::Disposition};

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct AttemptResult {
    outcome: Outcome,
    /// The outcome of the entry: that of the attempt, unless an earlier attempt changes it.
    entry_outcome: Outcome,
    error: Option<ErrorKind>,
    status: Option<StatusCode>,
    tracking_id: Option<TrackingId>,
    fault: Option<Box<str>>,
    retry_after: Duration,
    started: Instant,
    duration: Duration,
    is_local: bool,
}

impl AttemptResult {
    /// An attempt that started at `started` and ends now, without a response.
    pub(super) fn new(outcome: Outcome, started: Instant) -> Self {
        Self {
            outcome,
            entry_outcome: outcome,
            error: None,
            status: None,
            tracking_id: None,
            fault: None,
            retry_after: Duration::ZERO,
            started,
            duration: started.elapsed(),
            is_local: false,
        }
    }

    pub(super) fn of_response<B>(classifier: &Classifier, response: &Response<B>, started: Instant) -> Self {
        let status = response.status();
        let mut result = Self::new(classifier.status(status), started);
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
        result.error = Some(error.kind());
        // The client refuses it, so that no server has seen it.
        result.is_local = error.kind() == ErrorKind::Unsendable;
        result.status = last.and_then(|attempt| attempt.status).or(error.last_status());
        result.tracking_id = last.and_then(|attempt| attempt.tracking_id);
        result.with_error(error)
    }

    /// Records the error and its sources as the fault.
    pub(super) fn with_error(mut self, error: &(dyn Error + 'static)) -> Self {
        self.fault = Some(ErrorText::new(error).single_line(Attempt::MAX_FAULT));
        self
    }

    /// Records this text as the fault, in one line and truncated. An empty text changes nothing.
    pub(super) fn with_text(mut self, text: &str) -> Self {
        if !text.trim().is_empty() {
            self.fault = Some(single_line(text, Attempt::MAX_FAULT));
        }
        self
    }

    /// Marks a failure that says nothing about the server.
    pub(super) fn local(mut self) -> Self {
        self.is_local = true;
        self
    }

    /// Sets the outcome of the entry, given its earlier attempts.
    pub(super) fn with_entry_outcome(mut self, outcome: Outcome) -> Self {
        self.entry_outcome = outcome;
        self
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.outcome
    }

    pub(super) fn status(&self) -> Option<StatusCode> {
        self.status
    }

    pub(super) fn tracking_id(&self) -> Option<TrackingId> {
        self.tracking_id
    }

    /// What the response's `Retry-After` asks for.
    pub(super) fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// Whether the result says nothing about the server.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }

    pub(super) fn into_fault(self) -> Box<str> {
        self.fault.unwrap_or_default()
    }

    /// The outcome and the status, if there is one: "unavailable, 503".
    pub(super) fn summary(&self) -> String {
        match self.status {
            Some(status) => format!("{}, {}", self.outcome, status.as_u16()),
            None => self.outcome.to_string(),
        }
    }

    /// What to do with the request next.
    pub(super) fn disposition(&self, repeatable: bool) -> Disposition {
        Disposition::of(self.outcome, self.error, self.status, repeatable)
            .of_call(self.outcome, self.entry_outcome)
    }

    /// The attempt as the store records it.
    pub(super) fn into_record(self, claimed_entry: &ClaimedEntry) -> AttemptRecord {
        AttemptRecord {
            number: claimed_entry.entry().attempts,
            revision: claimed_entry.entry().revision,
            started: claimed_entry.store_time(self.started),
            duration: whole_micros(self.duration),
            outcome: self.outcome,
            status: self.status,
            tracking_id: self.tracking_id,
            fault: self.fault,
            worker: Some(claimed_entry.lease().worker.as_str().into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use martello_outcome::BoxError;

    use super::*;
    use crate::{Reason, worker::test_support::claimed_entry};

    #[test]
    fn a_response_that_is_no_success_has_its_retry_after() {
        let now = Instant::now();
        for (status, seconds) in [(503, 7), (200, 0)] {
            let response = Response::builder().status(status).header("retry-after", "7").body(()).unwrap();
            let result = AttemptResult::of_response(&Classifier::default(), &response, now);
            assert_eq!(result.retry_after(), Duration::from_secs(seconds), "{status}");
        }
    }

    #[test]
    fn an_error_that_the_client_made_itself_says_nothing_about_the_server() {
        for (kind, is_local) in [(ErrorKind::Unsendable, true), (ErrorKind::Transport, false)] {
            let error = CallError::new(kind, Outcome::Unsent, "no host");
            let result = AttemptResult::of_error(&error, Instant::now());
            assert_eq!(result.is_local(), is_local, "{kind:?}");
            assert_eq!(result.disposition(false) == Disposition::DeadLetter(Reason::Rejected), is_local);
        }
    }

    #[test]
    fn the_fault_is_one_line_within_its_bound_and_an_empty_text_sets_none() {
        let now = Instant::now();
        let record = |text: &str| {
            let result = AttemptResult::new(Outcome::Rejected, now).with_text(text);
            result.into_record(&claimed_entry("https://api.example/", 0, now))
        };
        let fault = record(&format!("one\ntwo {}", "x".repeat(1_000))).fault.unwrap();
        assert!(!fault.contains('\n') && fault.len() <= Attempt::MAX_FAULT, "{fault}");
        assert_eq!(record(" \n").fault, None);
    }

    #[test]
    fn an_error_is_recorded_with_its_sources() {
        let error = CallError::from_source(BoxError::from("connection refused"));
        let result = AttemptResult::of_error(&error, Instant::now());
        assert!(result.into_fault().contains("connection refused"));
    }
}
