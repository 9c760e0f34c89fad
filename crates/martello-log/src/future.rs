use std::{
    pin::Pin,
    task::{Context, Poll, ready},
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
        let result = ready!(inner.poll(cx));
        this.inner.set(None);
        drop(entered);
        let recording = this.recording.take();
        Poll::Ready(match result {
            Ok(response) => {
                let recording = recording.and_then(|recording| recording.answered(&response));
                Ok(response.map(|body| LogBody::new(body, recording)))
            }
            Err(error) => {
                let error = CallError::from_source(error);
                if let Some(recording) = recording {
                    recording.failed(&error);
                }
                Err(error)
            }
        })
    }
}
