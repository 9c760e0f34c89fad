use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use martello_body::Body;
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{Inner, ResponseBody};

pin_project! {
    /// The response future of a [`Stacked`](crate::Stacked) client.
    ///
    /// Dropping it cancels the call: the current attempt is dropped, its permit is released, and the records
    /// are written.
    #[must_use = "futures do nothing unless polled"]
    pub struct StackFuture<C, R>
    where
        C: Service<Request<Body>, Response = Response<R>>,
        C: Clone,
        C::Error: Into<BoxError>,
        R: http_body::Body,
        R::Error: Into<BoxError>,
    {
        #[pin]
        inner: <Inner<C> as Service<Request<Body>>>::Future,
    }
}

impl<C, R> StackFuture<C, R>
where
    C: Service<Request<Body>, Response = Response<R>> + Clone,
    C::Error: Into<BoxError>,
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    pub(super) fn new(inner: <Inner<C> as Service<Request<Body>>>::Future) -> Self {
        Self { inner }
    }
}

impl<C, R> Future for StackFuture<C, R>
where
    C: Service<Request<Body>, Response = Response<R>> + Clone,
    C::Error: Into<BoxError>,
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().inner.poll(cx));
        Poll::Ready(response.map(|response| response.map(ResponseBody::new)))
    }
}

impl<C, R> fmt::Debug for StackFuture<C, R>
where
    C: Service<Request<Body>, Response = Response<R>> + Clone,
    C::Error: Into<BoxError>,
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackFuture").finish_non_exhaustive()
    }
}
