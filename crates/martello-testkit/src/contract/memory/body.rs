use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};

use super::{super::expected_body::ExpectedBody, ticker::TickDelay};

const FRAMES: [&str; 2] = ["mar", "tello"];

/// The body of a [`Memory`](super::Memory)'s response: two frames of data and one of trailers.
#[derive(Debug)]
pub struct MemoryBody {
    delay: TickDelay,
    sent: usize,
    /// Counts the live bodies.
    _alive: Arc<()>,
}

impl MemoryBody {
    pub(super) fn new(delay: TickDelay, alive: &Arc<()>) -> Self {
        Self { delay, sent: 0, _alive: Arc::clone(alive) }
    }

    pub(crate) fn expected() -> ExpectedBody {
        ExpectedBody::new(FRAMES.concat().into(), trailers())
    }
}

impl Body for MemoryBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        ready!(self.delay.poll(cx));
        self.delay.restart();
        let frame = FRAMES.get(self.sent).map(|data| Frame::data(Bytes::from_static(data.as_bytes())));
        self.sent += 1;
        Poll::Ready(Some(Ok(frame.unwrap_or_else(|| Frame::trailers(trailers())))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent > FRAMES.len()
    }

    fn size_hint(&self) -> SizeHint {
        let left = FRAMES.iter().skip(self.sent).map(|data| data.len()).sum::<usize>();
        u64::try_from(left).map(SizeHint::with_exact).unwrap_or_default()
    }
}

fn trailers() -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("stones", HeaderValue::from_static("2"));
    trailers
}
