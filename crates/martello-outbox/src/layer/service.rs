use std::task::{Context, Poll};

use http::{Request, Response};
use martello_body::TryCopy;
use martello_outcome::BoxError;
use tower_service::Service;

use super::{OutboxFuture, send_or_store::send_or_store};
use crate::{NotStored, Outbox, Sent};

/// The service of an [`OutboxLayer`](crate::OutboxLayer).
///
/// It is always ready, and an idle clone holds no permit. Each call waits until no older call of its key is
/// in flight, and then until the inner stack is ready. If that is not ready within 30 s, the request counts
/// as unsent and is stored.
///
/// A call waits for each older call of its key as long as the inner stack lets that run, so give the stack a
/// deadline. The number of waiting calls is not limited. A call that is dropped stops waiting. Then the layer
/// asks the store whether an older request of the key is stored. If the store fails or does not answer within
/// 30 s, the request is not sent, because it may be newer than a stored one, which would later overwrite it.
/// A request without an order key skips this check: see
/// [`OutboxOptions::unordered`](crate::OutboxOptions::unordered).
///
/// # Overtaken dead letters
///
/// If the key has dead letters, a call that was delivered, or may have been, marks them as
/// [overtaken](crate::Overtaken) before it returns, because a replay would overwrite what it wrote. If the
/// store fails or does not answer within 30 s, the call still returns its result, and the failure is logged
/// as an error.
///
/// The mark is missing if the call is dropped, or the process ends, after the request was sent and before the
/// mark was made. It is also missing for a replay that starts while the call is in flight. Check the resource
/// before you replay an old dead letter.
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
