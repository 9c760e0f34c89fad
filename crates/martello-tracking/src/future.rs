use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, Response};
use martello_outcome::TrackingId;
use pin_project_lite::pin_project;

use crate::{lines, trail::Started};

pin_project! {
    /// The response of a [`Tracking`](crate::Tracking). Dropping it drops the attempt, and nothing is recorded of it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        read: Option<Read>,
    }
}

/// What is read from the response, and where it goes.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) header: HeaderName,
    pub(crate) trail: Option<Started>,
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, read: Option<Read>) -> Self {
        Self { inner, read }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some(id) = this.read.as_ref().and_then(|read| read.read(response.headers())) {
            response.extensions_mut().insert(id);
        }
        Poll::Ready(Ok(response))
    }
}

impl Read {
    /// The attempt's own id; all that the response bears are recorded.
    fn read(&self, headers: &HeaderMap) -> Option<TrackingId> {
        let mut ids = lines::ids(headers, &self.header);
        let own = ids.next()?;
        if let Some(trail) = &self.trail {
            trail.record(std::iter::once(own).chain(ids));
        }
        Some(own)
    }
}
