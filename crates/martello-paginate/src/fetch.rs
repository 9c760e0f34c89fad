use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response, response};
use http_body::Body;
use martello_body::Collect;
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;
use tokio::task::JoinSet;
use tower_service::Service;

/// A response with its whole body, or the error of the call with the head, if the head came. Boxed, because
/// heads are large.
pub(crate) type Fetched = Result<Box<(response::Parts, Bytes)>, Box<(Option<response::Parts>, CallError)>>;

pin_project! {
    /// Waits until the service is ready, calls it, and reads the whole body of the response.
    pub(crate) struct Fetch<S, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        max_bytes: usize,
        #[pin]
        state: State<S, B, R, S::Future>,
    }
}

pin_project! {
    #[project = StateProjected]
    enum State<S, B, R, F> {
        AwaitingReady { service: S, request: Option<Request<B>> },
        Calling { #[pin] future: F },
        Reading { head: Option<response::Parts>, #[pin] body: Collect<R> },
    }
}

impl<S, B, R> Fetch<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    /// The service need not be ready.
    pub(crate) fn new(service: S, request: Request<B>, max_bytes: usize) -> Self {
        Self { max_bytes, state: State::AwaitingReady { service, request: Some(request) } }
    }
}

impl<S, B, R> Future for Fetch<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
{
    type Output = Fetched;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fetched> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProjected::AwaitingReady { service, request } => {
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        return Poll::Ready(Err(Box::new((None, CallError::from_readiness(error)))));
                    }
                    let Some(request) = request.take() else { return Poll::Pending };
                    let future = service.call(request);
                    this.state.set(State::Calling { future });
                }
                StateProjected::Calling { future } => match ready!(future.poll(cx)) {
                    Ok(response) => {
                        let (head, body) = response.into_parts();
                        let body = Collect::new(body, *this.max_bytes);
                        this.state.set(State::Reading { head: Some(head), body });
                    }
                    Err(error) => return Poll::Ready(Err(Box::new((None, CallError::from_source(error))))),
                },
                StateProjected::Reading { head, body } => {
                    let body = ready!(body.poll(cx));
                    return Poll::Ready(match (head.take(), body) {
                        (Some(head), Ok(body)) => Ok(Box::new((head, body.bytes().clone()))),
                        (head, Err(error)) => Err(Box::new((head, CallError::from(error)))),
                        // The future was polled after it completed.
                        (None, Ok(_)) => return Poll::Pending,
                    });
                }
            }
        }
    }
}

/// Spawns a fetch as a task. Dropping the set aborts the task.
pub(crate) type Spawn<S, B, R> = fn(Fetch<S, B, R>) -> JoinSet<Fetched>;

pin_project! {
    /// The fetch in progress, if there is one: polled in place, or spawned as a task.
    #[project = PendingFetchProjected]
    pub(crate) enum PendingFetch<S, B, R>
    where
        S: Service<Request<B>, Response = Response<R>>,
    {
        None,
        Inline { #[pin] fetch: Fetch<S, B, R> },
        Task { task: JoinSet<Fetched> },
    }
}

impl<S, B, R> PendingFetch<S, B, R>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
{
    /// The result of the fetch; `None` if none is in progress.
    pub(crate) fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Fetched>> {
        let fetched = match self.as_mut().project() {
            PendingFetchProjected::None => return Poll::Ready(None),
            PendingFetchProjected::Inline { fetch } => ready!(fetch.poll(cx)),
            PendingFetchProjected::Task { task } => match ready!(task.poll_join_next(cx)) {
                Some(Ok(fetched)) => fetched,
                Some(Err(error)) => Err(Box::new((None, CallError::from_source(error)))),
                None => return Poll::Ready(None),
            },
        };
        self.set(Self::None);
        Poll::Ready(Some(fetched))
    }
}
