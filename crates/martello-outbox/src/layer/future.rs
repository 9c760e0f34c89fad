use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{NotStored, Sent};

type Inner<R> = Pin<Box<dyn Future<Output = Result<Sent<R>, NotStored>> + Send>>;

/// What becomes of a call through an [`OutboxLayer`](crate::OutboxLayer).
///
/// Dropping it gives up the call: what was sent and not answered is not stored. Dropped while it stores, it leaves open
/// whether the request is stored.
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
