use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

/// Observes a [`ScriptedBody`](super::ScriptedBody) after it was moved, and releases its waits. A clone
/// observes the same body.
///
/// ```
/// use martello_testkit::ScriptedBody;
///
/// let body = ScriptedBody::new().data("abc");
/// let handle = body.handle();
/// drop(body);
/// assert!(handle.dropped() && handle.polls() == 0);
/// ```
#[derive(Debug, Clone, Default)]
pub struct ScriptHandle {
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    polls: AtomicUsize,
    frames: AtomicUsize,
    ended: AtomicBool,
    polls_after_end: AtomicUsize,
    dropped: AtomicBool,
    releases: AtomicUsize,
    waiting: AtomicWaker,
}

impl ScriptHandle {
    /// How often the body was polled for a frame.
    #[must_use]
    pub fn polls(&self) -> usize {
        self.seen.polls.load(Ordering::SeqCst)
    }

    /// How many frames were returned, data and trailers.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.seen.frames.load(Ordering::SeqCst)
    }

    /// Whether the body has returned its end or its first error.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.seen.ended.load(Ordering::SeqCst)
    }

    /// How often the body was polled after its end or its first error.
    #[must_use]
    pub fn polls_after_end(&self) -> usize {
        self.seen.polls_after_end.load(Ordering::SeqCst)
    }

    /// Whether the body was dropped.
    #[must_use]
    pub fn dropped(&self) -> bool {
        self.seen.dropped.load(Ordering::SeqCst)
    }

    /// Releases one [`wait`](super::ScriptedBody::wait): the current one, or else the next.
    pub fn release(&self) {
        self.seen.releases.fetch_add(1, Ordering::SeqCst);
        self.seen.waiting.wake();
    }

    pub(super) fn note_poll(&self) {
        self.seen.polls.fetch_add(1, Ordering::SeqCst);
        if self.ended() {
            self.seen.polls_after_end.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn note_frame(&self) {
        self.seen.frames.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn note_end(&self) {
        self.seen.ended.store(true, Ordering::SeqCst);
    }

    pub(super) fn note_drop(&self) {
        self.seen.dropped.store(true, Ordering::SeqCst);
    }

    pub(super) fn poll_release(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.seen.waiting.register(cx.waker());
        let one_less = |releases: usize| releases.checked_sub(1);
        match self.seen.releases.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => Poll::Ready(()),
            Err(_) => Poll::Pending,
        }
    }
}
