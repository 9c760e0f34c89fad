use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use martello_outcome::Attempt;
use pin_project_lite::pin_project;

pin_project! {
    /// A body that keeps its first bytes while it is read, as far as they fit into an attempt's fault.
    pub(super) struct Excerpt<B> {
        #[pin]
        body: B,
        kept: Vec<u8>,
        wanted: usize,
    }
}

impl<B> Excerpt<B> {
    /// Keeps the start of the body if `keep`.
    pub(super) fn new(body: B, keep: bool) -> Self {
        Self { body, kept: Vec::new(), wanted: if keep { Attempt::MAX_FAULT } else { 0 } }
    }

    /// What was read of it, as far as it is text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

impl<B: Body> Body for Excerpt<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            // The frame is not ours to consume; a `Buf` in pieces shows its first, which is enough for an excerpt.
            let bytes = data.chunk();
            let more = bytes.get(..bytes.len().min(*this.wanted)).unwrap_or_default();
            this.kept.extend_from_slice(more);
            *this.wanted -= more.len();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
