use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response, response::Parts};
use http_body::Body;
use martello_body::{Collect, Drain, IdleTimeout};
use martello_outcome::{BoxError, CallError, ErrorKind, Outcome, Queued};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tower_service::Service;

use crate::{
    CopyBody, RetryBody,
    call::CallState,
    clocks::Pending,
    step::{self, Step},
};

pin_project! {
    /// The response of a [`Retry`](crate::Retry): its attempts, and the waits between them.
    ///
    /// Dropping it drops the current attempt and whatever it holds; over HTTP/1 this closes the connection.
    ///
    /// # Panics
    ///
    /// When it has to wait outside a tokio runtime with time enabled: its waits have time limits.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, C, B, R>
    where
        S: Service<Request<B>>,
    {
        service: S,
        call: CallState<C, B>,
        #[pin]
        state: State<S::Future, B, R>,
        // Of the attempt or of the wait after it. Created when a poll is pending.
        #[pin]
        timer: Option<Sleep>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B, R> {
        Attempt { #[pin] response: F },
        // Boxed, so that calls without it move a future of half the size.
        Collect {
            body: Pin<Box<Collect<IdleTimeout<R>>>>,
            head: Option<Parts>,
            returned_failure: Option<Outcome>,
        },
        // Drains the failed response's body during the wait.
        Wait { drain: Option<Pin<Box<Drain<R>>>>, request: Option<Box<Request<B>>>, wait: Duration },
        AwaitReady { request: Option<Box<Request<B>>>, waited: Duration },
        Done,
    }
}

impl<S, C, B, R> ResponseFuture<S, C, B, R>
where
    S: Service<Request<B>>,
{
    /// Sends the first attempt with `service`, which must be ready.
    pub(crate) fn new(service: S, call: CallState<C, B>, request: Request<B>) -> Self
    where
        C: CopyBody<B>,
    {
        let mut future = Self { service, call, state: State::Done, timer: None };
        future.call.keep(&request);
        future.state = State::Attempt { response: future.service.call(request) };
        future
    }
}

impl<S, C, B, R> Future for ResponseFuture<S, C, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
    C: CopyBody<B>,
{
    type Output = Result<Response<RetryBody<R>>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            let (call, timer) = (this.call, this.timer.as_mut());
            let step = match this.state.as_mut().project() {
                // An attempt that began now could only end as ambiguous.
                StateProjection::Attempt { .. } if call.clocks.is_too_late() => {
                    step::timed_out(call, ErrorKind::Deadline, || this.state.set(State::Done))
                }
                StateProjection::Attempt { response } => match Queued::observe(|| response.poll(cx)) {
                    // Most calls end here, without the cost of a `Step`.
                    (Poll::Ready(Ok(response)), _) if call.succeeds_at_once(&response) => {
                        this.state.set(State::Done);
                        this.timer.set(None);
                        return Poll::Ready(Ok(step::succeeded_at_once(call, response)));
                    }
                    (Poll::Ready(Ok(response)), _) => step::response_received(call, response),
                    (Poll::Ready(Err(error)), _) => {
                        step::attempt_failed(call, CallError::from_source(error), None)
                    }
                    (Poll::Pending, queued) => {
                        call.on_pending(Pending::of_attempt(queued));
                        let kind = ready!(poll_clocks(call, timer, cx));
                        step::timed_out(call, kind, || this.state.set(State::Done))
                    }
                },
                StateProjection::Collect { body, head, returned_failure: failure } => {
                    match body.as_mut().poll(cx) {
                        Poll::Ready(body) => {
                            let body = body.map_err(step::body_failed);
                            step::body_collected(call, head.take(), body, *failure)
                        }
                        Poll::Pending => {
                            call.on_pending(Pending::InAttempt);
                            ready!(poll_until(call.clocks.deadline(), timer, cx));
                            step::body_timed_out(call, head.take(), *failure, || this.state.set(State::Done))
                        }
                    }
                }
                StateProjection::Wait { drain, request, wait } => {
                    let drained = poll_maybe(Pin::new(drain), cx);
                    ready!(poll_maybe(timer, cx));
                    ready!(drained);
                    Step::AwaitReady(request.take(), *wait)
                }
                StateProjection::AwaitReady { request, waited } => match this.service.poll_ready(cx) {
                    Poll::Ready(Ok(())) if call.clocks.is_over() => {
                        step::fail(call, step::deadline_error(Outcome::Unsent))
                    }
                    Poll::Ready(Ok(())) => Step::Call(request.take(), *waited),
                    Poll::Ready(Err(error)) => step::fail(call, CallError::from_readiness(error)),
                    Poll::Pending => {
                        call.on_pending(Pending::BeforeAttempt);
                        ready!(poll_until(call.clocks.deadline(), timer, cx));
                        step::fail(call, step::deadline_error(Outcome::Unsent))
                    }
                },
                StateProjection::Done => return Poll::Pending,
            };
            if let Poll::Ready(result) = self.as_mut().enter(step) {
                return Poll::Ready(result);
            }
        }
    }
}

impl<S, C, B, R> ResponseFuture<S, C, B, R>
where
    S: Service<Request<B>>,
    R: Body,
    R::Error: Into<BoxError>,
    C: CopyBody<B>,
{
    fn enter(self: Pin<&mut Self>, step: Step<B, R>) -> Poll<Result<Response<RetryBody<R>>, CallError>> {
        let mut this = self.project();
        let config = &this.call.config;
        match step {
            Step::Return(result) => {
                this.state.set(State::Done);
                this.timer.set(None);
                return Poll::Ready(result);
            }
            Step::Collect { head, body, cap, returned_failure } => {
                let body = Box::pin(Collect::new(IdleTimeout::new(body, config.idle_timeout), cap));
                this.state.set(State::Collect { body, head: Some(head), returned_failure });
                this.timer.set(None);
            }
            Step::Wait { body, wait, request } => {
                // Half of the time that the wait leaves until the deadline is for the next attempt.
                let left = this.call.clocks.time_left().map(|left| wait + left.saturating_sub(wait) / 2);
                let time = config.drain_time.min(left.unwrap_or(Duration::MAX));
                let drain = body.map(|body| Box::pin(Drain::new(body, config.drain_bytes, time)));
                this.state.set(State::Wait { drain, request: Some(request), wait });
                this.timer.set((wait > Duration::ZERO).then(|| tokio::time::sleep(wait)));
                this.call.on_pending(Pending::BeforeAttempt);
            }
            Step::AwaitReady(request, waited) => this.state.set(State::AwaitReady { request, waited }),
            Step::Call(Some(request), waited) => {
                this.call.begin(&request, waited);
                let response = this.service.call(*request);
                this.state.set(State::Attempt { response });
                this.timer.set(None);
            }
            Step::Call(None, _) => this.state.set(State::Done),
        }
        Poll::Pending
    }
}

/// Waits for the attempt's timeout or the call's deadline, and returns which passed.
fn poll_clocks<C, B>(
    call: &CallState<C, B>,
    timer: Pin<&mut Option<Sleep>>,
    cx: &mut Context<'_>,
) -> Poll<ErrorKind> {
    match (call.clocks.attempt_deadline(), call.clocks.deadline()) {
        (Some(attempt), deadline) if deadline.is_none_or(|deadline| attempt < deadline) => {
            poll_until(Some(attempt), timer, cx).map(|()| ErrorKind::AttemptTimeout)
        }
        (_, deadline) => poll_until(deadline, timer, cx).map(|()| ErrorKind::Deadline),
    }
}

fn poll_until(due: Option<Instant>, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(due) = due else { return Poll::Pending };
    if timer.as_ref().as_pin_ref().is_none_or(|timer| timer.deadline() != due) {
        timer.set(Some(tokio::time::sleep_until(due)));
    }
    poll_maybe(timer, cx)
}

/// Polls the future and removes it when it is ready. An empty option is ready.
fn poll_maybe<F: Future>(mut future: Pin<&mut Option<F>>, cx: &mut Context<'_>) -> Poll<()> {
    if let Some(present) = future.as_mut().as_pin_mut() {
        ready!(present.poll(cx));
        future.set(None);
    }
    Poll::Ready(())
}

impl<S: Service<Request<B>>, C, B, R> fmt::Debug for ResponseFuture<S, C, B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
