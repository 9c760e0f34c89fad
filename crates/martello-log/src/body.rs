use std::{
    fmt::Display,
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{cause, record::Record};

pin_project! {
    /// The body of a response, with the record that is written when it ends.
    ///
    /// Ended is: the end of the stream, the last frame of a body that says so, trailers, an error, or the drop of
    /// the body, whichever comes first. Frames, trailers and hints pass through unchanged; a body that failed is
    /// dropped at once, and yields nothing more.
    #[derive(Debug)]
    pub struct LogBody<B>
    where
        B: Body,
    {
        #[pin]
        inner: Option<B>,
        record: Option<Box<Record>>,
    }

    impl<B> PinnedDrop for LogBody<B>
    where
        B: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(mut record) = this.record.take() {
                // It may have ended without being asked for the frame that says so.
                if this.inner.as_ref().as_pin_ref().is_some_and(|inner| inner.is_end_stream()) {
                    record.body_ended();
                }
                let _entered = record.enter();
                this.inner.set(None);
            }
        }
    }
}

impl<B: Body> LogBody<B> {
    pub(crate) fn new(inner: B, record: Option<Box<Record>>) -> Self {
        Self { inner: Some(inner), record }
    }
}

impl<B> Body for LogBody<B>
where
    B: Body,
    B::Error: Display + 'static,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(record) = this.record.as_deref_mut() else {
            return inner.poll_frame(cx);
        };
        let frame = {
            let _entered = record.enter();
            std::task::ready!(inner.as_mut().poll_frame(cx))
        };
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    record.read(data);
                }
                if frame.is_trailers() || inner.is_end_stream() {
                    record.body_ended();
                    *this.record = None;
                }
            }
            Some(Err(error)) => {
                record.body_broke(cause::of_body(error));
                {
                    let _entered = record.enter();
                    this.inner.set(None);
                }
                *this.record = None;
            }
            None => {
                record.body_ended();
                *this.record = None;
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
