//! What one call knows of itself: the copy of its request, its clocks and its history.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Method, Request, Response, StatusCode};
use martello_outcome::{
    Attempt, AttemptNumber, Attempts, CallError, CallNotes, CallOptions, ErrorKind, Outcome, RequestHead,
    RetryAfter, TrackingId, is_bodiless,
};
use tokio::time::Instant;

use crate::{
    AttemptView, CopyBody, Decision, ResponseHead, budget::Payment, layer::Config, snapshot::Snapshot,
};

pub(crate) struct Call<C, B> {
    pub(crate) config: Arc<Config>,
    copy: C,
    /// What another attempt would be made of.
    snapshot: Snapshot<B>,
    number: u32,
    deadline: Option<Duration>,
    /// Neither HEAD nor CONNECT.
    may_have_body: bool,
    /// When the call first had to wait. A call that never does reads no clock.
    started: Option<Instant>,
    /// When the present attempt first had to wait, once it was not queued any more.
    attempt_started: Option<Instant>,
    /// Whether the present attempt stood in a queue when it was last polled. Before that nobody knows: a service may send as
    /// soon as it is called.
    queued: bool,
    /// The wait before the present attempt.
    waited: Duration,
    /// For the next attempt, until it has begun.
    payment: Payment,
    history: Vec<Attempt>,
}

/// What a call does after a failed attempt.
pub(crate) enum RetryAction<B> {
    /// Send this request, after this wait.
    Retry(Box<Request<B>>, Duration),
    /// Leave it at this attempt, for want of what the kind says, if of anything.
    Stop(Option<ErrorKind>),
}

/// How an attempt failed.
pub(crate) struct FailedAttempt<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) response: Option<ResponseHead<'a>>,
    pub(crate) error: Option<&'a CallError>,
}

impl<C: CopyBody<B>, B> Call<C, B> {
    #[inline(always)]
    pub(crate) fn new(config: Arc<Config>, copy: C, request: &Request<B>) -> Self {
        let options = CallOptions::of(request.extensions());
        Self {
            copy,
            snapshot: Snapshot::none(),
            number: 1,
            deadline: options.get_deadline().or(config.deadline),
            may_have_body: !matches!(*request.method(), Method::CONNECT | Method::HEAD),
            started: None,
            attempt_started: None,
            queued: false,
            waited: Duration::ZERO,
            payment: Payment::default(),
            history: Vec::new(),
            config,
        }
    }

    /// Keeps what another attempt would be made of.
    pub(crate) fn keep(&mut self, request: &Request<B>) {
        let once = self.config.attempts == 1 || CallOptions::of(request.extensions()).is_without_retry();
        let body = if once { None } else { self.copy.copy(request.body(), self.config.replay_cap) };
        if let Some(body) = body {
            self.snapshot.keep(request, body);
        }
    }

    /// Whether the first attempt is all of it.
    pub(crate) fn succeeds_at_once<R>(&self, response: &Response<R>) -> bool {
        let config = &*self.config;
        self.number == 1 && config.whole.is_none() && config.classifier.status(response.status()).is_success()
    }

    /// Whether a response with this status has a body that is ours to read: one that hands its connection over has
    /// not, nor one that has no body at all.
    pub(crate) fn has_body(&self, status: StatusCode) -> bool {
        self.may_have_body && !is_bodiless(status)
    }

    /// Decides, in this order: can it be sent again, should it, in time, and at whose cost. Only then does the copy
    /// of the body take over from what may still be on its way: that cannot be taken back, and a payment can.
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
        let Decision::Retry { after } = decision else { return RetryAction::Stop(None) };
        if view.time_left.is_some_and(|left| after >= left) {
            return RetryAction::Stop(Some(ErrorKind::Deadline));
        }
        let Some(payment) = self.config.budget.pay() else {
            return RetryAction::Stop(Some(ErrorKind::Budget));
        };
        if !self.copy.claim(next.body()) {
            return RetryAction::Stop(None);
        }
        self.payment = payment;
        RetryAction::Retry(Box::new(next), after)
    }

    /// Without a decision of the user's own a rejection is final whatever the request, which then need not be built
    /// again.
    fn may_retry(&self, failed: &FailedAttempt<'_>) -> bool {
        let rejected = failed.outcome == Outcome::Rejected && self.config.decide.is_none();
        self.number < self.config.attempts && !rejected
    }

    fn view<'a>(&self, request: RequestHead<'a>, failed: &FailedAttempt<'a>) -> AttemptView<'a> {
        let config = &*self.config;
        let asked = failed.response.and_then(retry_after);
        let time_left = self.time_left();
        AttemptView {
            number: self.number,
            response: failed.response,
            error: failed.error,
            repeatable: config.repeatable.allows(request),
            backoff: config.backoff.wait(self.number),
            retry_after: asked.map(|asked| asked.min(config.retry_after_cap)),
            retry_after_jitter: asked.map_or(Duration::ZERO, |asked| config.backoff.after(asked, time_left)),
            retry_after_exceeds_cap: asked.is_some_and(|asked| asked > config.retry_after_cap),
            time_left,
            retry_too_many_requests: config.too_many_requests,
            ..AttemptView::new(request, failed.outcome)
        }
    }

    /// The request of the next attempt. It keeps a copy for the one after.
    fn next_request(&mut self) -> Option<Request<B>> {
        let more = self.number + 1 < self.config.attempts;
        let mut request = self.snapshot.request(&self.copy, self.config.replay_cap, more)?;
        request.extensions_mut().insert(AttemptNumber(self.number + 1));
        Some(request)
    }

    /// The next attempt begins.
    pub(crate) fn begin(&mut self, request: &Request<B>, waited: Duration) {
        self.number += 1;
        self.attempt_started = None;
        self.queued = false;
        self.waited = waited;
        if let Some(notes) = CallNotes::of(request.extensions()) {
            notes.attempt(self.number);
            notes.waited_for_retry(waited);
        }
    }
}

impl<C, B> Call<C, B> {
    /// Writes down how the present attempt ended.
    pub(crate) fn record(
        &mut self,
        outcome: Outcome,
        head: Option<ResponseHead<'_>>,
        error: Option<&CallError>,
    ) {
        self.payment.spend();
        let duration = self.attempt_started.map_or(Duration::ZERO, |started| started.elapsed());
        let now = SystemTime::now();
        let mut attempt = Attempt::new(self.number, now.checked_sub(duration).unwrap_or(now), outcome);
        attempt.duration = duration;
        attempt.waited = self.waited;
        attempt.status = head.map(|head| head.status);
        attempt.tracking_id = head.and_then(|head| head.extensions.get::<TrackingId>().copied());
        if let Some(error) = error {
            attempt = attempt.with_fault(error);
        }
        self.history.push(attempt);
    }

    /// The call ends without another attempt.
    pub(crate) fn end(&mut self) -> Attempts {
        self.payment.refund();
        self.attempts()
    }

    /// What the call went through so far.
    pub(crate) fn attempts(&mut self) -> Attempts {
        Attempts::from(std::mem::take(&mut self.history))
    }

    /// Whether this is the first attempt.
    pub(crate) fn is_first(&self) -> bool {
        self.number == 1
    }

    /// The call has to wait: its clocks run from now on, if they did not before. That of the attempt stands
    /// while the request is queued.
    pub(crate) fn on_pending(&mut self, queued: bool) {
        self.queued = queued;
        if self.started.is_none() || (self.attempt_started.is_none() && !queued) {
            let now = Instant::now();
            self.started.get_or_insert(now);
            if !queued {
                self.payment.spend();
                self.attempt_started.get_or_insert(now);
            }
        }
    }

    /// When the whole call must be over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.started?.checked_add(self.deadline?)
    }

    /// When the present attempt must be over.
    pub(crate) fn attempt_deadline(&self) -> Option<Instant> {
        self.attempt_started?.checked_add(self.config.attempt_timeout?)
    }

    /// Whether the present attempt has begun, and does not stand in a queue.
    pub(crate) fn is_on_the_wire(&self) -> bool {
        self.attempt_started.is_some()
    }

    /// Whether the present attempt stands in a queue, and the deadline has come.
    pub(crate) fn is_too_late(&self) -> bool {
        self.queued && self.attempt_started.is_none() && self.is_over()
    }

    /// Whether the call has waited, and its deadline has come.
    pub(crate) fn is_over(&self) -> bool {
        self.started.is_some() && self.time_left() == Some(Duration::ZERO)
    }

    /// What is left of the deadline.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(self.started.map_or(deadline, |started| deadline.saturating_sub(started.elapsed())))
    }
}

/// The clock is read only where there is something to measure against it.
fn retry_after(response: ResponseHead<'_>) -> Option<Duration> {
    let asked = response.headers.contains_key(http::header::RETRY_AFTER);
    asked.then(|| RetryAfter::from_headers(response.headers, SystemTime::now()))?.map(RetryAfter::duration)
}
