use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Frame, SizeHint};
use martello_limit::LimitBody;
use martello_log::LogBody;
use martello_outcome::{BoxError, CallError};
use martello_retry::RetryBody;
use pin_project_lite::pin_project;

type Layered<R> = LogBody<RetryBody<LimitBody<LogBody<R>>>>;

pin_project! {
    /// The response body of a [`Stacked`](crate::Stacked) client.
    ///
    /// It holds the call's permit until it ends or is dropped, so read it or drop it. Reading fails with a
    /// [`CallError`] when the connection breaks, or when no data arrives for longer than the idle timeout.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::{BodyExt, Full};
    /// use martello::{Body, ResponseBody, Stack};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = service_fn(async |_: Request<Body>| {
    ///     Ok::<_, std::io::Error>(Response::new(Full::new(bytes::Bytes::from("planned"))))
    /// });
    /// let response = Stack::new().build()?.layer(client).oneshot(Request::new(Body::empty())).await?;
    /// let body: ResponseBody<_> = response.into_body(); // holds the permit
    /// assert_eq!(body.collect().await?.to_bytes(), "planned"); // the permit is free again
    /// # Ok(())
    /// # }
    /// ```
    pub struct ResponseBody<R> {
        #[pin]
        inner: Layered<R>,
    }
}

impl<R> ResponseBody<R> {
    pub(super) fn new(inner: Layered<R>) -> Self {
        Self { inner }
    }
}

impl<R> http_body::Body for ResponseBody<R>
where
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    type Data = bytes::Bytes;
    type Error = CallError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, CallError>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<R> fmt::Debug for ResponseBody<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}
