use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;
use tokio::task::JoinSet;
use tower_service::Service;

use crate::fetch::{Fetch, Fetched};

/// Starts a fetch as a task that ends with the set.
pub(crate) type Spawn<S, B, R> = fn(Fetch<S, B, R>) -> JoinSet<Fetched>;

pin_project! {
    /// The one page that is being fetched, if there is one.
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
    /// What came of the fetch; `None` if there is none. It is over then.
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
