use std::{
    cell::Cell,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Buf;
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Sleep;

/// The most frames that one poll reads before it yields to the other tasks of its thread.
const FRAMES_PER_POLL: usize = 32;

thread_local! {
    static DRAINING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a [`Drain`] polls the body that is being polled on this thread: its bytes are discarded.
///
/// For bodies that record how they ended: read to the end, or drained.
///
/// ```
/// // In the `poll_frame` of your own body:
/// let end = if martello_body::draining() { "drained" } else { "complete" };
/// assert_eq!(end, "complete");
/// ```
#[must_use]
pub fn draining() -> bool {
    DRAINING.get()
}

pin_project! {
    /// A future that reads a body to its end and discards it, so that its HTTP/1 connection can be reused. It
    /// yields whether it reached the end.
    ///
    /// It stops early at a bound: of bytes, also if the body declares more, and of time, which starts when it
    /// first has to wait. It yields `false` for a body that fails. Dropping the future drops the body, and
    /// over HTTP/1 that closes the connection.
    ///
    /// ```
    /// use std::time::Duration;
    /// use martello_body::{Body, Drain};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let second = Duration::from_secs(1);
    /// assert!(Drain::new(Body::from("an error page"), 16 * 1024, second).await);
    /// assert!(!Drain::new(Body::from("an error page"), 4, second).await, "more than 4 bytes");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When it has to wait outside a tokio runtime whose time is enabled.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    #[project = DrainProjection]
    pub struct Drain<B> {
        #[pin]
        body: B,
        bytes_left: u64,
        time: Duration,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl<B: Body> Drain<B> {
    /// Reads at most `bytes` bytes of `body`, for at most `time`.
    pub fn new(body: B, bytes: u64, time: Duration) -> Self {
        Self { body, bytes_left: bytes, time, timer: None }
    }
}

impl<B: Body> Future for Drain<B> {
    type Output = bool;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        let mut this = self.project();
        for _ in 0..FRAMES_PER_POLL {
            if this.body.is_end_stream() {
                return Poll::Ready(true);
            }
            if this.body.size_hint().lower() > *this.bytes_left {
                return Poll::Ready(false);
            }
            let frame = {
                let _marked = Marked::new();
                this.body.as_mut().poll_frame(cx)
            };
            match frame {
                Poll::Ready(None) => return Poll::Ready(true),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                Poll::Ready(Some(Ok(frame))) => {
                    let length = frame.data_ref().map_or(0, Buf::remaining);
                    let length = u64::try_from(length).unwrap_or(u64::MAX);
                    match this.bytes_left.checked_sub(length) {
                        Some(left) => *this.bytes_left = left,
                        None => return Poll::Ready(false),
                    }
                }
                Poll::Pending => return this.timer_elapsed(cx),
            }
        }
        cx.waker().wake_by_ref();
        this.timer_elapsed(cx)
    }
}

impl<B> DrainProjection<'_, B> {
    fn timer_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.timer.is_none() {
            self.timer.set(Some(tokio::time::sleep(*self.time)));
        }
        match self.timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| false),
            None => Poll::Pending,
        }
    }
}

/// Marks the thread as draining, and restores what was before, also when the body panics.
struct Marked(bool);

impl Marked {
    fn new() -> Self {
        Self(DRAINING.replace(true))
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        DRAINING.set(self.0);
    }
}
