use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;

use super::{MemoryBody, MemoryError, Shared, Steps, ticker::TickDelay};

/// The response future of a [`Memory`](super::Memory).
pub struct MemoryFuture<B> {
    request: Option<Pin<Box<B>>>,
    delay: TickDelay,
    answered: bool,
    steps: Steps,
    shared: Arc<Shared>,
    /// Counts the live futures.
    _alive: Arc<()>,
}

impl<B> MemoryFuture<B> {
    pub(super) fn new(request: Request<B>, steps: Steps, shared: &Arc<Shared>) -> Self {
        Self {
            request: Some(Box::pin(request.into_body())),
            delay: TickDelay::new(&shared.ticker, steps.head),
            answered: false,
            steps,
            shared: Arc::clone(shared),
            _alive: Arc::clone(&shared.futures),
        }
    }
}

impl<B> Future for MemoryFuture<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Output = Result<Response<MemoryBody>, MemoryError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(body) = &mut self.request {
            match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(MemoryError::RequestBody(error.into()))),
                None => self.request = None,
            }
        }
        ready!(self.delay.poll(cx));
        if mem::replace(&mut self.answered, true) {
            // `Strict` records a poll after completion.
            return Poll::Pending;
        }
        let delay = TickDelay::new(&self.shared.ticker, self.steps.frame);
        Poll::Ready(Ok(Response::new(MemoryBody::new(delay, &self.shared.bodies))))
    }
}

impl<B> fmt::Debug for MemoryFuture<B> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MemoryFuture").finish_non_exhaustive()
    }
}
