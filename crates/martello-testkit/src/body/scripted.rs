use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::{ScriptedError, Step, handle::ScriptHandle};

/// A body that follows a script, and that a [`ScriptHandle`] observes.
///
/// Each poll takes the next step, in the order in which they were added. After the last one the body has
/// ended. If it is polled after an [`end`](Self::end) or an [`error`](Self::error), it takes the steps after
/// that, so a script can break the contract.
///
/// Size hint and end of stream are correct by default; [`claim_size`](Self::claim_size) and
/// [`claim_end_stream`](Self::claim_end_stream) replace them.
///
/// ```
/// use http_body_util::BodyExt;
/// use martello_testkit::ScriptedBody;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let body = ScriptedBody::new().data("half").pending().error("reset");
/// let error = body.collect().await.unwrap_err();
/// assert_eq!(error.to_string(), "reset");
/// # }
/// ```
#[derive(Debug, Default)]
pub struct ScriptedBody {
    steps: VecDeque<Step>,
    size: Option<SizeHint>,
    end_stream: Option<bool>,
    handle: ScriptHandle,
}

impl ScriptedBody {
    /// A body without steps, which is empty.
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

    /// Adds a poll that is pending and wakes its task immediately.
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

    /// Adds an end of the stream. The script ends with one in any case.
    #[must_use]
    pub fn end(self) -> Self {
        self.step(Step::End)
    }

    /// Returns this size hint from now on, even if it is wrong.
    #[must_use]
    pub fn claim_size(mut self, size: SizeHint) -> Self {
        self.size = Some(size);
        self
    }

    /// Returns this from `is_end_stream` from now on, even if it is wrong.
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

    /// How much data comes before the end or an error, and whether nothing follows it.
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
