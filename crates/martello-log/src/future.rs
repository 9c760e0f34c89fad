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
    /// The response future of a [`Log`](crate::Log). Dropping it before it is ready drops the inner future
    /// and then writes a record with the outcome `cancelled`. Do not poll it after it was ready.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        // Dropped in the span of the call when it is done, because its parts may write events.
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
        // Without `ready!` and `?`, which would move the response several times.
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
