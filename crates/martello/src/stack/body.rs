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
    /// The body of a response that came through a stack.
    ///
    /// It holds the call's permit until it has ended or is dropped: read it, or let it go. It fails with a
    /// [`CallError`] when it breaks off or stands still for longer than the idle timeout.
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
