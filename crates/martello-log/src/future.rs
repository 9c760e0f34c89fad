use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use http_body::Body;
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;

use crate::{LogBody, pending_record::PendingRecord};

pin_project! {
    /// The response of a [`Log`](crate::Log). Dropping it before it is ready writes the record of something
    /// cancelled, after what is inside was dropped. It must not be polled after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Taken out when it is done, in the call's span: what it still holds may have something to say.
        #[pin]
        inner: Option<F>,
        pending: Option<Box<PendingRecord>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(pending) = this.pending {
                pending.dropped();
            }
            let _entered = this.pending.as_deref().map(PendingRecord::enter);
            this.inner.set(None);
        }
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, pending: Option<Box<PendingRecord>>) -> Self {
        Self { inner: Some(inner), pending }
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
        let entered = this.pending.as_deref().map(PendingRecord::enter);
        // Looked at where it is, and moved once, to where it goes: `ready!` and `?` move it each time, which comes to
        // 60 instructions a layer.
        let polled = inner.poll(cx);
        if polled.is_pending() {
            return Poll::Pending;
        }
        this.inner.set(None);
        drop(entered);
        let pending = match (&polled, this.pending.take()) {
            (Poll::Ready(Ok(response)), Some(pending)) => pending.answered(response),
            (_, pending) => pending,
        };
        match polled {
            Poll::Ready(Ok(response)) => Poll::Ready(Ok(response.map(|body| LogBody::new(body, pending)))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(failed(error.into(), pending))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn failed(error: BoxError, pending: Option<Box<PendingRecord>>) -> CallError {
    let error = CallError::from_source(error);
    if let Some(pending) = pending {
        pending.failed(&error);
    }
    error
}
