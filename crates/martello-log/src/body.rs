use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;

use crate::pending_record::PendingRecord;

pin_project! {
    /// The body of a response, with the record that is written when the body ends.
    ///
    /// A body ends with the end of its stream, its last frame (if `is_end_stream` reports it), its trailers,
    /// an error or its drop, whichever comes first. Frames, trailers and hints pass through unchanged. An
    /// error becomes a [`CallError`]; a body that failed is dropped at once and yields nothing more.
    #[derive(Debug)]
    pub struct LogBody<B> {
        #[pin]
        inner: Option<B>,
        pending: Option<Box<PendingRecord>>,
    }

    impl<B> PinnedDrop for LogBody<B> {
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

impl<B> LogBody<B> {
    pub(crate) fn new(inner: B, pending: Option<Box<PendingRecord>>) -> Self {
        Self { inner: Some(inner), pending }
    }
}

impl<B> Body for LogBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = CallError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, CallError>>> {
        let this = self.project();
        match this.pending {
            None => poll_inner(this.inner, cx),
            Some(_) => poll_recorded(this.inner, this.pending, cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, CallError>>>;

fn poll_inner<B>(mut body: Pin<&mut Option<B>>, cx: &mut Context<'_>) -> Polled<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let Some(inner) = body.as_mut().as_pin_mut() else {
        return Poll::Ready(None);
    };
    Poll::Ready(match ready!(inner.poll_frame(cx)) {
        Some(Ok(frame)) => Some(Ok(frame)),
        Some(Err(error)) => {
            body.set(None);
            Some(Err(CallError::from_body(error)))
        }
        None => None,
    })
}

/// A separate function, because most bodies have no record.
#[inline(never)]
fn poll_recorded<B>(
    mut body: Pin<&mut Option<B>>,
    pending: &mut Option<Box<PendingRecord>>,
    cx: &mut Context<'_>,
) -> Polled<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let entered = pending.as_deref().map(PendingRecord::enter);
    let frame = ready!(poll_inner(body.as_mut(), cx));
    let last = match (&frame, &*body) {
        (Some(Ok(frame)), Some(body)) => frame.is_trailers() || body.is_end_stream(),
        _ => true,
    };
    drop(entered);
    if let Some(present) = pending.as_deref_mut() {
        present.read(frame.as_ref(), last);
    }
    if last {
        *pending = None;
    }
    Poll::Ready(frame)
}
