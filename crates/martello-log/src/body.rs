use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use martello_outcome::{BoxError, CallError};
use pin_project_lite::pin_project;

use crate::recording::Recording;

pin_project! {
    /// The body of a response, with the record that is written when it ends.
    ///
    /// Ended is: the end of the stream, the last frame of a body that says so, trailers, an error, or the drop of
    /// the body, whichever comes first. Frames, trailers and hints pass through unchanged; an error becomes a
    /// [`CallError`], and a body that failed is dropped at once, and yields nothing more.
    #[derive(Debug)]
    pub struct LogBody<B> {
        #[pin]
        inner: Option<B>,
        recording: Option<Box<Recording>>,
    }

    impl<B> PinnedDrop for LogBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.recording.as_deref().map(Recording::enter);
            this.inner.set(None);
        }
    }
}

impl<B> LogBody<B> {
    pub(crate) fn new(inner: B, recording: Option<Box<Recording>>) -> Self {
        Self { inner: Some(inner), recording }
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
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let entered = this.recording.as_deref().map(Recording::enter);
        let frame = ready!(inner.as_mut().poll_frame(cx)).map(|frame| frame.map_err(CallError::from_body));
        let last = match &frame {
            Some(Ok(frame)) => frame.is_trailers() || inner.is_end_stream(),
            Some(Err(_)) | None => true,
        };
        if let Some(Err(_)) = frame {
            this.inner.set(None);
        }
        drop(entered);
        if let Some(recording) = this.recording.as_deref_mut() {
            let record = &mut recording.record;
            match &frame {
                Some(Ok(frame)) => record.read(frame, last),
                Some(Err(error)) => record.body_broke(error),
                None => record.body_ended(),
            }
            if last {
                *this.recording = None;
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}
