use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use martello_outcome::Attempt;
use pin_project_lite::pin_project;

pin_project! {
    /// A body that keeps a copy of its first bytes while it is read: at most [`Attempt::MAX_FAULT`].
    pub(super) struct KeptStart<B> {
        #[pin]
        body: B,
        kept: Vec<u8>,
        wanted: usize,
    }
}

impl<B> KeptStart<B> {
    /// Keeps nothing unless `keep`.
    pub(super) fn new(body: B, keep: bool) -> Self {
        Self { body, kept: Vec::new(), wanted: if keep { Attempt::MAX_FAULT } else { 0 } }
    }

    /// The copy as text; bytes that are not UTF-8 are replaced.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).into_owned()
    }
}

impl<B: Body> Body for KeptStart<B> {
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
            // The frame must not be consumed. Of a `Buf` in several chunks, this copies the first, which is
            // enough.
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

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn the_start_of_a_body_is_kept_while_it_passes_unchanged() {
        let sent = "x".repeat(1_000);
        for (keep, kept) in [(true, Attempt::MAX_FAULT), (false, 0)] {
            let mut body = std::pin::pin!(KeptStart::new(Full::new(bytes::Bytes::from(sent.clone())), keep));
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap().len(), sent.len());
            assert_eq!(body.text(), sent[..kept]);
        }
    }
}
