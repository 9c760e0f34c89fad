use std::task::{Context, Poll};

use http::{Request, Response};
use martello_body::TryCopy;
use martello_outcome::BoxError;
use tower_service::Service;

use super::{OutboxFuture, send_or_store::send_or_store};
use crate::{NotStored, Outbox, Sent};

/// The service of an [`OutboxLayer`](crate::OutboxLayer).
///
/// It is always ready, and a handle holds nothing: the stack inside is readied for each call once its turn
/// has come, and what comes of that is treated as what comes of the call. A stack that is not ready within 30
/// s leaves the request unsent, and so stored.
///
/// A call waits for the older ones of its key that are under way, each for as long as the stack inside lets
/// it take: give that a deadline. Those that wait are not counted: each is a call that somebody awaits, and
/// keeps nothing once it is dropped. Then it asks the store whether an older request of its key is stored. If
/// the store does not say so within 30 s, it is not sent: it may be newer than what is stored, and would be
/// overwritten. A request without an order does not ask:
/// [`OutboxOptions::unordered`](crate::OutboxOptions::unordered) is for one that had better be sent.
///
/// # What it overtakes
///
/// A call whose key has dead letters marks them as [overtaken](crate::Overtaken), before its answer is returned, if it was
/// delivered or may have been: a replay would overwrite what it wrote. Where the store fails then, or says nothing for 30 s, the
/// answer stands, and the failure is an error in the log.
///
/// Some marks are never made. A call that is dropped, or a process that dies, after the request was sent and before the mark
/// leaves the dead letters as they were, and a replay of them may overwrite what the API has. So may one that is asked for
/// while the call is under way: nothing of it is stored yet. Look at the resource before you replay what you no longer expect.
///
/// # Errors
///
/// [`NotStored`]: a request that could not be delivered, and could not be stored either.
#[derive(Clone, Debug)]
pub struct OutboxService<S> {
    outbox: Outbox,
    inner: S,
}

impl<S> OutboxService<S> {
    pub(super) fn new(outbox: Outbox, inner: S) -> Self {
        Self { outbox, inner }
    }
}

impl<S, B, R> Service<Request<B>> for OutboxService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: http_body::Body + TryCopy + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    R: http_body::Body + Send + 'static,
{
    type Response = Sent<R>;
    type Error = NotStored;
    type Future = OutboxFuture<R>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), NotStored>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> OutboxFuture<R> {
        OutboxFuture::new(send_or_store(self.outbox.clone(), self.inner.clone(), request))
    }
}
