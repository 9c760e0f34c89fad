use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use martello_body::{IdleTimeout, Whole};
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a response. It is read from the connection with an idle timeout, or was already read to
    /// its end.
    ///
    /// It fails with a [`CallError`] of kind [`Body`](martello_outcome::ErrorKind::Body) when the connection
    /// breaks, or when the next frame takes longer than the idle timeout.
    #[derive(Debug)]
    pub struct RetryBody<B> {
        #[pin]
        inner: Inner<B>,
    }
}

pin_project! {
    #[project = InnerProjection]
    #[derive(Debug)]
    enum Inner<B> {
        Live { #[pin] body: IdleTimeout<B> },
        Whole { body: Whole },
    }
}

impl<B> RetryBody<B> {
    pub(crate) fn live(body: B, idle_timeout: Option<Duration>) -> Self {
        Self { inner: Inner::Live { body: IdleTimeout::new(body, idle_timeout) } }
    }

    pub(crate) fn whole(body: Whole) -> Self {
        Self { inner: Inner::Whole { body } }
    }
}

impl<B> Body for RetryBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        match self.project().inner.project() {
            InnerProjection::Live { body } => body.poll_frame(cx).map(|frame| {
                // For `Bytes`, the data of hyper's bodies, this copies nothing.
                let bytes =
                    |frame: Frame<B::Data>| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
                frame.map(|frame| frame.map(bytes).map_err(CallError::from))
            }),
            InnerProjection::Whole { body } => {
                let frame = Pin::new(body).poll_frame(cx);
                frame.map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Live { body } => body.is_end_stream(),
            Inner::Whole { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Live { body } => body.size_hint(),
            Inner::Whole { body } => body.size_hint(),
        }
    }
}
