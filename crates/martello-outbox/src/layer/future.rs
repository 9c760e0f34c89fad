use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{NotStored, Sent};

type Inner<R> = Pin<Box<dyn Future<Output = Result<Sent<R>, NotStored>> + Send>>;

/// The future of a call through an [`OutboxLayer`](crate::OutboxLayer).
///
/// Dropping it cancels the call: a request that was sent and not answered is not stored. If it is dropped
/// while it stores the request, the request may or may not be stored.
#[must_use = "futures do nothing unless polled"]
pub struct OutboxFuture<R> {
    inner: Inner<R>,
}

impl<R> OutboxFuture<R> {
    pub(super) fn new(inner: impl Future<Output = Result<Sent<R>, NotStored>> + Send + 'static) -> Self {
        Self { inner: Box::pin(inner) }
    }
}

impl<R> Future for OutboxFuture<R> {
    type Output = Result<Sent<R>, NotStored>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl<R> fmt::Debug for OutboxFuture<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxFuture").finish_non_exhaustive()
    }
}
