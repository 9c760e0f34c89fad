use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use http_body::Body;
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;

use crate::{LogBody, recording::Recording};

pin_project! {
    /// The response of a [`Log`](crate::Log). Dropping it before it is ready writes the record of something
    /// cancelled, after what is inside was dropped. It must not be polled after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Taken out when it is done, in the call's span: what it still holds may have something to say.
        #[pin]
        inner: Option<F>,
        recording: Option<Box<Recording>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(recording) = this.recording {
                recording.dropped();
            }
            let _entered = this.recording.as_deref().map(Recording::enter);
            this.inner.set(None);
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, recording: Option<Box<Recording>>) -> Self {
        Self { inner: Some(inner), recording }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: Into<BoxError>,
    R: Body,
{
    type Output = Result<Response<LogBody<R>>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let entered = this.recording.as_deref().map(Recording::enter);
        // Looked at where it is, and moved once, to where it goes: `ready!` and `?` move it each time, which comes to
        // 60 instructions a layer.
        let polled = inner.poll(cx);
        if polled.is_pending() {
            return Poll::Pending;
        }
        this.inner.set(None);
        drop(entered);
        let recording = match (&polled, this.recording.take()) {
            (Poll::Ready(Ok(response)), Some(recording)) => recording.answered(response),
            (_, recording) => recording,
        };
        match polled {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(response.map(|body| LogBody::new(body, recording)))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(failed(error.into(), recording))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn failed(error: BoxError, recording: Option<Box<Recording>>) -> CallError {
    let error = CallError::from_source(error);
    if let Some(recording) = recording {
        recording.failed(&error);
    }
    error
}
