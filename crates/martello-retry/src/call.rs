use std::{sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode};
use martello_outcome::{Attempts, CallError, CallNotes, CallOptions, Outcome, is_bodiless};

use crate::{
    CopyBody, ResponseHead,
    budget::Payment,
    clocks::{Clocks, Pending},
    config::Config,
    history::History,
    snapshot::Snapshot,
};

/// The state of one call over all its attempts.
pub(crate) struct CallState<C, B> {
    pub(crate) config: Arc<Config>,
    pub(crate) copy: C,
    /// The request, for the next attempt.
    pub(crate) snapshot: Snapshot<B>,
    /// The method is neither HEAD nor CONNECT.
    may_have_body: bool,
    pub(crate) clocks: Clocks,
    pub(crate) history: History,
    /// Pays for the next attempt, until it has begun.
    pub(crate) payment: Payment,
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

    /// Whether a response with this status has a body to read. A response that hands over the connection has
    /// none.
    pub(crate) fn has_body(&self, status: StatusCode) -> bool {
        self.may_have_body && !is_bodiless(status)
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

    /// Starts the clocks that do not run yet, because the call has to wait. The clock of the attempt runs
    /// only in the attempt. When it starts, the attempt has begun, and its token is spent.
    pub(crate) fn on_pending(&mut self, pending: Pending) {
        if self.clocks.on_pending(pending) {
            self.payment.spend();
        }
    }
}
