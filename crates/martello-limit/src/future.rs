use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use martello_outcome::{BoxError, CallError, Queued};
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_service::Service;

use crate::{
    acquire::{Permit, Waiter},
    body::{KeepsPermit, LimitBody},
};

pin_project! {
    /// The response of a [`ConcurrencyLimit`](crate::ConcurrencyLimit).
    ///
    /// Dropping it removes the request from the queue, or returns the permit.
    ///
    /// # Panics
    ///
    /// When a request has to wait for a permit outside a tokio runtime with time enabled: the wait has a time
    /// limit. A request that gets a permit at once needs no runtime.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        // Fields are dropped in this order: the permit must be returned after the request is gone.
        #[pin]
        state: State<S, Request<B>, S::Future>,
        permit: Option<Permit>,
        keeps_permit: KeepsPermit,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Q, F> {
        Sent { #[pin] future: F },
        Waiting { #[pin] waiting: WaitingRequest<S, Q> },
        Failed { error: Option<CallError> },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) fn sent(future: S::Future, permit: Option<Permit>, keeps_permit: KeepsPermit) -> Self {
        Self { state: State::Sent { future }, permit, keeps_permit }
    }

    pub(crate) fn waiting(inner: S, request: Request<B>, waiter: Waiter, keeps_permit: KeepsPermit) -> Self {
        let waiting = WaitingRequest { timer: None, waiter: Some(waiter), inner, request: Some(request) };
        Self { state: State::Waiting { waiting }, permit: None, keeps_permit }
    }

    pub(crate) fn failed(error: CallError, keeps_permit: KeepsPermit) -> Self {
        Self { state: State::Failed { error: Some(error) }, permit: None, keeps_permit }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
{
    type Output = Result<Response<LimitBody<R>>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Sent { future } => {
                    let result = ready!(future.poll(cx));
                    let permit = this.permit.take();
                    return Poll::Ready(match result {
                        Ok(response) => Ok(with_permit(response, permit, *this.keeps_permit)),
                        Err(error) => Err(CallError::from_source(error)),
                    });
                }
                StateProjection::Waiting { waiting } => match ready!(waiting.poll(this.permit, cx)) {
                    Ok(future) => State::Sent { future },
                    Err(error) => State::Failed { error: Some(error) },
                },
                // A future that is polled again after its end stays pending.
                StateProjection::Failed { error } => {
                    *this.permit = None;
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            };
            this.state.set(next);
        }
    }
}

/// Moves the permit into the body if the response has one. Returns it otherwise.
fn with_permit<R: Body>(
    response: Response<R>,
    permit: Option<Permit>,
    keeps_permit: KeepsPermit,
) -> Response<LimitBody<R>> {
    // Taking the response apart here moves its head once less than `Response::map` at the end.
    let (head, body) = response.into_parts();
    let keeps = keeps_permit.applies_to(head.status) && !body.is_end_stream();
    let permit = permit.filter(|_| keeps).map(Permit::held_by_body);
    Response::from_parts(head, LimitBody::new(body, permit))
}

pin_project! {
    /// A request that found no free permit. It waits for a permit and for the inner service to be ready.
    struct WaitingRequest<S, Q> {
        // Created when the first poll is pending.
        #[pin]
        timer: Option<Sleep>,
        waiter: Option<Waiter>,
        inner: S,
        request: Option<Q>,
    }
}

impl<S, B> WaitingRequest<S, Request<B>>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
{
    /// Sends the request once it has a permit, which is stored in `permit`, and the inner service is ready.
    #[cold]
    fn poll(
        self: Pin<&mut Self>,
        permit: &mut Option<Permit>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Future, CallError>> {
        let mut this = self.project();
        let Some(waiter) = this.waiter else { return Poll::Pending };
        let inner = this.inner;
        let result = match waiter.poll(cx, |cx| inner.poll_ready(cx)) {
            Poll::Ready(result) => result.map_err(CallError::from_readiness),
            Poll::Pending => {
                if this.timer.is_none() {
                    this.timer.set(Some(tokio::time::sleep_until(waiter.deadline())));
                }
                if this.timer.as_mut().as_pin_mut().is_none_or(|timer| timer.poll(cx).is_pending()) {
                    Queued::report();
                    return Poll::Pending;
                }
                Err(waiter.timed_out())
            }
        };
        *this.waiter = None;
        this.timer.set(None);
        match (result, this.request.take()) {
            (Ok(granted), Some(request)) => {
                *permit = Some(granted);
                Poll::Ready(Ok(inner.call(request)))
            }
            (Ok(_), None) => Poll::Pending,
            (Err(error), _) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Sent { .. } => "sent",
            State::Waiting { .. } => "waiting",
            State::Failed { .. } => "failed",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
