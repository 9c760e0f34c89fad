use std::task::{Context, Poll};

use http::{HeaderName, Request, Response};
use tower_service::Service;

use crate::{PropagateTrackingIdFuture, TrackingIds};

/// A service that propagates the ids of its outbound calls: see
/// [`PropagateTrackingIdLayer`](crate::PropagateTrackingIdLayer).
///
/// Errors and readiness are those of the inner service.
#[derive(Clone, Debug)]
pub struct PropagateTrackingId<S> {
    inner: S,
    header: HeaderName,
}

impl<S> PropagateTrackingId<S> {
    pub(super) fn new(inner: S, header: HeaderName) -> Self {
        Self { inner, header }
    }
}

impl<S, B, R> Service<Request<B>> for PropagateTrackingId<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = PropagateTrackingIdFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let tracking_ids = TrackingIds::default();
        request.extensions_mut().insert(tracking_ids.clone());
        PropagateTrackingIdFuture::new(self.inner.call(request), tracking_ids, self.header.clone())
    }
}
