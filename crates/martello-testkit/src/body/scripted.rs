use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::{ScriptedError, Step, handle::ScriptHandle};

/// A body whose every poll is decided beforehand, and which can be watched through a [`ScriptHandle`].
///
/// The steps are taken in the order in which they were added. After the last one the body is at its end. Steps behind an
/// [`end`](Self::end) or an [`error`](Self::error) are taken too, by whoever polls on: so a body can be made that breaks the contract.
///
/// Size hint and end of stream are told honestly, unless [`claim_size`](Self::claim_size) or
/// [`claim_end_stream`](Self::claim_end_stream) says otherwise.
#[derive(Debug, Default)]
pub struct ScriptedBody {
    steps: VecDeque<Step>,
    size: Option<SizeHint>,
    end_stream: Option<bool>,
    handle: ScriptHandle,
}

impl ScriptedBody {
    /// A body without steps: empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a data frame; it may be empty.
    #[must_use]
    pub fn data(self, data: impl Into<Bytes>) -> Self {
        self.step(Step::Data(data.into()))
    }

    /// Adds a frame of trailers.
    #[must_use]
    pub fn trailers(self, trailers: HeaderMap) -> Self {
        self.step(Step::Trailers(trailers))
    }

    /// Adds a poll that is pending and wakes its task at once.
    #[must_use]
    pub fn pending(self) -> Self {
        self.step(Step::Pending)
    }

    /// Adds a wait: pending until [`ScriptHandle::release`].
    #[must_use]
    pub fn wait(self) -> Self {
        self.step(Step::Wait)
    }

    /// Adds an error.
    #[must_use]
    pub fn error(self, message: impl Into<String>) -> Self {
        self.step(Step::Error(ScriptedError::new(message)))
    }

    /// Adds an end of the stream; the last step is followed by one anyway.
    #[must_use]
    pub fn end(self) -> Self {
        self.step(Step::End)
    }

    /// Tells this size hint from now on, whatever is true.
    #[must_use]
    pub fn claim_size(mut self, size: SizeHint) -> Self {
        self.size = Some(size);
        self
    }

    /// Tells this from `is_end_stream` from now on, whatever is true.
    #[must_use]
    pub fn claim_end_stream(mut self, end_stream: bool) -> Self {
        self.end_stream = Some(end_stream);
        self
    }

    /// A handle that observes this body.
    #[must_use]
    pub fn handle(&self) -> ScriptHandle {
        self.handle.clone()
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// How much data comes before the end or an error, and whether that is all there is to say.
    fn honest_size(&self) -> SizeHint {
        let mut bytes = 0_u64;
        for step in &self.steps {
            match step {
                Step::Data(data) => {
                    bytes = bytes.saturating_add(u64::try_from(data.len()).unwrap_or(u64::MAX));
                }
                Step::Error(_) => {
                    let mut at_least = SizeHint::new();
                    at_least.set_lower(bytes);
                    return at_least;
                }
                Step::End => break,
                Step::Trailers(_) | Step::Pending | Step::Wait => {}
            }
        }
        SizeHint::with_exact(bytes)
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = ScriptedError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ScriptedError>>> {
        let this = self.get_mut();
        this.handle.note_poll();
        let frame = loop {
            match this.steps.pop_front() {
                Some(Step::Data(data)) => break Frame::data(data),
                Some(Step::Trailers(trailers)) => break Frame::trailers(trailers),
                Some(Step::Wait) => {
                    if this.handle.poll_release(cx).is_pending() {
                        this.steps.push_front(Step::Wait);
                        return Poll::Pending;
                    }
                }
                Some(Step::Pending) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Error(error)) => {
                    this.handle.note_end();
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Step::End) | None => {
                    this.handle.note_end();
                    return Poll::Ready(None);
                }
            }
        };
        this.handle.note_frame();
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.end_stream.unwrap_or(matches!(self.steps.front(), Some(Step::End) | None))
    }

    fn size_hint(&self) -> SizeHint {
        self.size.unwrap_or_else(|| self.honest_size())
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        self.handle.note_drop();
    }
}
