//! The state of one call, and the decision after a failed attempt.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Method, Request, Response, StatusCode};
use martello_outcome::{
    AttemptNumber, Attempts, CallError, CallNotes, CallOptions, ErrorKind, Outcome, RequestHead, RetryAfter,
    is_bodiless,
};

use crate::{
    AttemptView, CopyBody, Decision, ResponseHead,
    budget::Payment,
    clocks::{Clocks, Pending},
    config::Config,
    history::History,
    snapshot::Snapshot,
};

pub(crate) struct CallState<C, B> {
    pub(crate) config: Arc<Config>,
    copy: C,
    /// The request, for the next attempt.
    snapshot: Snapshot<B>,
    /// The method is neither HEAD nor CONNECT.
    may_have_body: bool,
    pub(crate) clocks: Clocks,
    history: History,
    /// Pays for the next attempt, until it has begun.
    payment: Payment,
}

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
    #[inline(always)]
    pub(crate) fn new(config: Arc<Config>, copy: C, request: &Request<B>) -> Self {
        let options = CallOptions::of(request.extensions());
        Self {
            copy,
            snapshot: Snapshot::none(),
            may_have_body: !matches!(*request.method(), Method::CONNECT | Method::HEAD),
            clocks: Clocks::new(options.get_deadline().or(config.deadline), config.attempt_timeout),
            history: History::new(),
            payment: Payment::default(),
            config,
        }
    }

    /// Keeps a copy of the request for the next attempt, unless there will be none.
    pub(crate) fn keep(&mut self, request: &Request<B>) {
        let once = self.config.attempts == 1 || CallOptions::of(request.extensions()).is_without_retry();
        let body = if once { None } else { self.copy.copy(request.body(), self.config.replay_cap) };
        if let Some(body) = body {
            self.snapshot.keep(request, body);
        }
    }

    /// Whether this response of the first attempt ends the call without further work.
    pub(crate) fn succeeds_at_once<R>(&self, response: &Response<R>) -> bool {
        let config = &*self.config;
        self.history.number() == 1
            && config.whole_response_cap.is_none()
            && config.classifier.status(response.status()).is_success()
    }

    /// Whether a response with this status has a body to read. A response that hands over the connection has none.
    pub(crate) fn has_body(&self, status: StatusCode) -> bool {
        self.may_have_body && !is_bodiless(status)
    }

    /// Decides in this order: whether the request can be sent again, whether it should be, whether there is time, and
    /// whether the budget pays. The call switches to the copy of the body last, because that cannot be undone and a payment
    /// can.
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

    /// Whether a retry is possible at all. Without a user's `decide` a rejection is final, and the request need not be
    /// built again.
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

    /// Starts the next attempt, after this wait.
    pub(crate) fn begin(&mut self, request: &Request<B>, waited: Duration) {
        self.history.begin(waited);
        self.clocks.reset_attempt();
        if let Some(notes) = CallNotes::of(request.extensions()) {
            notes.attempt(self.history.number());
            notes.waited_for_retry(waited);
        }
    }
}

impl<C, B> CallState<C, B> {
    /// Records how the current attempt ended.
    pub(crate) fn record(
        &mut self,
        outcome: Outcome,
        head: Option<ResponseHead<'_>>,
        error: Option<&CallError>,
    ) {
        self.payment.spend();
        self.history.record(self.clocks.attempt_duration(), outcome, head, error);
    }

    /// Ends the call without another attempt, and returns the attempts that were made.
    pub(crate) fn end(&mut self) -> Attempts {
        self.payment.refund();
        self.attempts()
    }

    /// Takes the attempts that were made so far.
    pub(crate) fn attempts(&mut self) -> Attempts {
        self.history.take()
    }

    /// Whether the current attempt is the first.
    pub(crate) fn is_first(&self) -> bool {
        self.history.number() == 1
    }

    /// Starts the clocks that do not run yet, because the call has to wait. The clock of the attempt runs only in the
    /// attempt. When it starts, the attempt has begun, and its token is spent.
    pub(crate) fn on_pending(&mut self, pending: Pending) {
        if self.clocks.on_pending(pending) {
            self.payment.spend();
        }
    }
}

/// Reads the clock only if there is a header to measure against it.
fn retry_after(response: ResponseHead<'_>) -> Option<Duration> {
    let asked = response.headers.contains_key(http::header::RETRY_AFTER);
    asked.then(|| RetryAfter::from_headers(response.headers, SystemTime::now()))?.map(RetryAfter::duration)
}
