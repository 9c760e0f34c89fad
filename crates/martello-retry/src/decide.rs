//! The decision after a failed attempt: what the call can still do, and what its [policy](crate::policy)
//! says.

use std::time::{Duration, SystemTime};

use http::Request;
use martello_outcome::{AttemptNumber, CallError, ErrorKind, Outcome, RequestHead, RetryAfter};

use crate::{AttemptView, CopyBody, Decision, ResponseHead, call::CallState};

/// What a call does after a failed attempt.
pub(crate) enum RetryAction<B> {
    /// Sends this request, after this wait.
    Retry(Box<Request<B>>, Duration),
    /// Makes no further attempt. The kind says whether the deadline or the budget is the reason, if one is.
    Stop(Option<ErrorKind>),
}

/// How an attempt failed.
pub(crate) struct FailedAttempt<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) response: Option<ResponseHead<'a>>,
    pub(crate) error: Option<&'a CallError>,
}

impl<C: CopyBody<B>, B> CallState<C, B> {
    /// Decides in this order: whether the request can be sent again, whether it should be, whether there is
    /// time, and whether the budget pays. The call switches to the copy of the body last: a payment can be
    /// undone, this cannot.
    pub(crate) fn decide(&mut self, failed: &FailedAttempt<'_>) -> RetryAction<B> {
        if !self.may_retry(failed) || !self.snapshot.is_intact(&self.copy) {
            return RetryAction::Stop(None);
        }
        let Some(next) = self.next_request() else { return RetryAction::Stop(None) };
        let view = self.view(RequestHead::from(&next), failed);
        let decision = match &self.config.decide {
            Some(decide) => (decide.0)(&view),
            None => view.default_decision(),
        };
        let Decision::Retry { wait } = decision else { return RetryAction::Stop(None) };
        if view.time_left.is_some_and(|left| wait >= left) {
            return RetryAction::Stop(Some(ErrorKind::Deadline));
        }
        let Some(payment) = self.config.budget.pay() else {
            return RetryAction::Stop(Some(ErrorKind::Budget));
        };
        if !self.copy.switch_to_copy(next.body()) {
            return RetryAction::Stop(None);
        }
        self.payment = payment;
        RetryAction::Retry(Box::new(next), wait)
    }

    /// Whether a retry is possible at all. Without a user's `decide` a rejection is final, and the request
    /// need not be built again.
    fn may_retry(&self, failed: &FailedAttempt<'_>) -> bool {
        let rejected = failed.outcome == Outcome::Rejected && self.config.decide.is_none();
        self.history.number() < self.config.attempts && !rejected
    }

    fn view<'a>(&self, request: RequestHead<'a>, failed: &FailedAttempt<'a>) -> AttemptView<'a> {
        let config = &*self.config;
        let asked = failed.response.and_then(retry_after);
        let time_left = self.clocks.time_left();
        AttemptView {
            number: self.history.number(),
            response: failed.response,
            error: failed.error,
            repeatable: config.repeatable.allows(request),
            backoff: config.backoff.wait(self.history.number()),
            retry_after: asked.map(|asked| asked.min(config.retry_after_cap)),
            retry_after_jitter: asked
                .map_or(Duration::ZERO, |asked| config.backoff.retry_after_jitter(asked, time_left)),
            retry_after_exceeds_cap: asked.is_some_and(|asked| asked > config.retry_after_cap),
            time_left,
            retry_too_many_requests: config.too_many_requests,
            ..AttemptView::new(request, failed.outcome)
        }
    }

    /// Builds the request of the next attempt, and keeps a copy for the attempt after it.
    fn next_request(&mut self) -> Option<Request<B>> {
        let more = self.history.number() + 1 < self.config.attempts;
        let mut request = self.snapshot.request(&self.copy, self.config.replay_cap, more)?;
        request.extensions_mut().insert(AttemptNumber(self.history.number() + 1));
        Some(request)
    }
}

/// Reads the clock only if there is a header to measure against it.
fn retry_after(response: ResponseHead<'_>) -> Option<Duration> {
    let asked = response.headers.contains_key(http::header::RETRY_AFTER);
    asked.then(|| RetryAfter::from_headers(response.headers, SystemTime::now()))?.map(RetryAfter::duration)
}
