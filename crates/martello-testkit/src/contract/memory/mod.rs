//! A service without a network, whose every step is in the hands of the test.

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

/// An HTTP service in memory: reads a request's body to its end and answers 200 with a short body and trailers.
///
/// Readiness, head and each frame of the body can be made pending for so many [`beat`](Self::beat)s. A beat wakes the waker of the
/// latest poll and no other. Nothing advances without beats, so a service with steps needs somebody who beats; a
/// service without steps is never pending.
///
/// Clones share the counts and the beat. Each clone has a readiness of its own.
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
    /// Every future that lives holds a clone, and every body of the other.
    futures: Arc<()>,
    bodies: Arc<()>,
}

/// Why a [`Memory`] did not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// It was told to refuse readiness.
    #[error("the in-memory service refuses to become ready")]
    Refused,
    /// The request's body broke.
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

    /// Makes each readiness pending for so many beats.
    #[must_use]
    pub fn ready_after(mut self, ticks: u32) -> Self {
        self.steps.ready = ticks;
        self.readiness = TickDelay::new(&self.shared.ticker, ticks);
        self
    }

    /// Makes each response's head pending for so many beats, after the request has been read.
    #[must_use]
    pub fn head_after(mut self, ticks: u32) -> Self {
        self.steps.head = ticks;
        self
    }

    /// Makes each frame of a response's body pending for so many beats.
    #[must_use]
    pub fn frame_after(mut self, ticks: u32) -> Self {
        self.steps.frame = ticks;
        self
    }

    /// Answers readiness with an error.
    #[must_use]
    pub fn refusing(mut self) -> Self {
        self.steps.refuses = true;
        self
    }

    /// Lets everything that is pending take one step.
    pub fn tick(&self) {
        self.shared.ticker.tick();
    }

    /// How many calls there were.
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
