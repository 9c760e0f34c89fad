use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use martello_body::Guarded;
use martello_outcome::{BoxError, CallError, CallNotes, Queued};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tower_service::Service;

use crate::{
    LimitBody,
    gate::{Permit, Place},
    release::Holds,
};

pin_project! {
    /// The response of a [`ConcurrencyLimit`](crate::ConcurrencyLimit). Dropping it leaves the queue, or gives
    /// the permit back.
    ///
    /// Where a request has to wait, it must be polled in a tokio runtime with its time enabled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, Request<B>, S::Future>,
        holds: Holds,
    }
}

pin_project! {
    // Fields are dropped in their order: the permit must go after what it permits.
    #[project = StateProjection]
    enum State<S, Q, F> {
        /// The request is with the inner service.
        Sent {
            #[pin]
            future: F,
            permit: Option<Permit>,
        },
        /// There was no free permit: the request waits for one, and then for the inner service.
        Waiting {
            #[pin]
            timer: Option<Sleep>,
            wait: Option<Wait>,
            inner: S,
            request: Option<Q>,
            permit: Option<Permit>,
        },
        Failed {
            error: Option<CallError>,
        },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(crate) fn sent(future: S::Future, permit: Option<Permit>, holds: Holds) -> Self {
        let state = State::Sent { future, permit };
        Self { state, holds }
    }

    pub(crate) fn waiting(inner: S, request: Request<B>, place: Place, holds: Holds) -> Self {
        let notes = CallNotes::of(request.extensions()).cloned();
        let state = State::Waiting {
            timer: None,
            wait: Some(Wait { place, notes }),
            inner,
            request: Some(request),
            permit: None,
        };
        Self { state, holds }
    }

    pub(crate) fn failed(error: CallError, holds: Holds) -> Self {
        let state = State::Failed { error: Some(error) };
        Self { state, holds }
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
                StateProjection::Sent { future, permit } => {
                    let response = ready!(future.poll(cx));
                    let permit = permit.take();
                    let response = response.map_err(CallError::from_source)?;
                    return Poll::Ready(Ok(hand_on(response, permit, *this.holds)));
                }
                StateProjection::Waiting { mut timer, wait, inner, request, permit } => {
                    let turn = match wait {
                        Some(wait) => {
                            ready!(wait.poll(timer.as_mut(), cx)).map(|granted| *permit = Some(granted))
                        }
                        None => Ok(()),
                    };
                    *wait = None;
                    timer.set(None);
                    let readied = match turn {
                        Ok(()) => ready!(inner.poll_ready(cx)).map_err(CallError::from_source),
                        Err(error) => Err(error),
                    };
                    match (readied, request.take()) {
                        (Ok(()), Some(request)) => {
                            State::Sent { future: inner.call(request), permit: permit.take() }
                        }
                        (readied, _) => State::Failed { error: readied.err() },
                    }
                }
                // Polled again after its end, it stays pending.
                StateProjection::Failed { error } => {
                    return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
                }
            };
            this.state.set(next);
        }
    }
}

/// Puts the permit into the body if the response has one, and gives it back if not.
fn hand_on<R: Body>(response: Response<R>, permit: Option<Permit>, holds: Holds) -> Response<LimitBody<R>> {
    let status = response.status();
    response.map(|body| {
        let held = permit.filter(|_| holds.at(status) && !body.is_end_stream());
        Guarded::new(body, held.map(Permit::held_by_body))
    })
}

/// The wait for a permit. However it ends, the notes of the call are told how long it took.
struct Wait {
    place: Place,
    notes: Option<CallNotes>,
}

impl Wait {
    fn poll(
        &mut self,
        mut timer: Pin<&mut Option<Sleep>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Permit, CallError>> {
        if let Poll::Ready(permit) = self.place.poll(cx) {
            return Poll::Ready(Ok(permit));
        }
        if timer.is_none() {
            timer.set(Some(tokio::time::sleep_until(self.place.until())));
        }
        match timer.as_pin_mut().map(|timer| timer.poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(self.place.give_up()),
            _ => {
                Queued::report();
                Poll::Pending
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(notes) = &self.notes {
            notes.waited_for_permit(Instant::now().saturating_duration_since(self.place.since()));
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Sent { .. } => "sent",
            State::Waiting { wait: Some(_), .. } => "waiting for a permit",
            State::Waiting { wait: None, .. } => "waiting for the inner service",
            State::Failed { .. } => "failed",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
