//! A service without a network that advances only when the test says so.

mod body;
mod future;
mod ticker;

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use self::ticker::{TickDelay, Ticker};
pub use self::{body::MemoryBody, future::MemoryFuture};

/// An HTTP service in memory. It reads the whole body of a request, and responds with 200, a short body and
/// trailers.
///
/// Readiness, the head, and each frame of the body can be made pending for a number of [`tick`](Self::tick)s.
/// A tick wakes the waker of the latest poll and no other. A service with delays advances only when the test
/// ticks; one without is never pending.
///
/// Clones share the counts and the ticks. Each clone has its own readiness.
///
/// ```
/// use http::Request;
/// use martello_testkit::contract::Memory;
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let service = Memory::new();
/// let response = service.clone().oneshot(Request::new(String::new())).await.unwrap();
/// assert_eq!((response.status().as_u16(), service.calls()), (200, 1));
/// # }
/// ```
#[derive(Debug)]
pub struct Memory {
    steps: Steps,
    readiness: TickDelay,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Steps {
    ready: u32,
    head: u32,
    frame: u32,
    refuses: bool,
}

#[derive(Debug, Default)]
struct Shared {
    ticker: Arc<Ticker>,
    calls: AtomicUsize,
    /// Every live future holds a clone of the first, and every live body one of the second.
    futures: Arc<()>,
    bodies: Arc<()>,
}

/// Why a call of a [`Memory`] failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The service is set to fail readiness.
    #[error("the in-memory service refuses to become ready")]
    Refused,
    /// The body of the request failed.
    #[error("the request's body broke")]
    RequestBody(#[source] Box<dyn Error + Send + Sync>),
}

impl Memory {
    /// A service that is always ready and never pending.
    #[must_use]
    pub fn new() -> Self {
        let shared = Arc::new(Shared::default());
        Self { steps: Steps::default(), readiness: TickDelay::new(&shared.ticker, 0), shared }
    }

    /// Makes each readiness pending for this many ticks.
    #[must_use]
    pub fn ready_after(mut self, ticks: u32) -> Self {
        self.steps.ready = ticks;
        self.readiness = TickDelay::new(&self.shared.ticker, ticks);
        self
    }

    /// Makes the head of each response pending for this many ticks, after the request has been read.
    #[must_use]
    pub fn head_after(mut self, ticks: u32) -> Self {
        self.steps.head = ticks;
        self
    }

    /// Makes each frame of a response body pending for this many ticks.
    #[must_use]
    pub fn frame_after(mut self, ticks: u32) -> Self {
        self.steps.frame = ticks;
        self
    }

    /// Returns an error from `poll_ready`.
    #[must_use]
    pub fn refusing(mut self) -> Self {
        self.steps.refuses = true;
        self
    }

    /// Advances everything that is pending by one step.
    pub fn tick(&self) {
        self.shared.ticker.tick();
    }

    /// The number of calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// How many response futures are alive.
    #[must_use]
    pub fn live_futures(&self) -> usize {
        Arc::strong_count(&self.shared.futures) - 1
    }

    /// How many response bodies are alive.
    #[must_use]
    pub fn live_bodies(&self) -> usize {
        Arc::strong_count(&self.shared.bodies) - 1
    }

    pub(super) fn tick_if_waiting(&self, cx: &Context<'_>) {
        self.shared.ticker.tick_if_waiting(cx);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        let readiness = TickDelay::new(&self.shared.ticker, self.steps.ready);
        Self { steps: self.steps, readiness, shared: Arc::clone(&self.shared) }
    }
}

impl<B> Service<Request<B>> for Memory
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<MemoryBody>;
    type Error = MemoryError;
    type Future = MemoryFuture<B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), MemoryError>> {
        self.readiness.poll(cx).map(|()| if self.steps.refuses { Err(MemoryError::Refused) } else { Ok(()) })
    }

    fn call(&mut self, request: Request<B>) -> MemoryFuture<B> {
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        self.readiness.restart();
        MemoryFuture::new(request, self.steps, &self.shared)
    }
}
