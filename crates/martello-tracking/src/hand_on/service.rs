use std::task::{Context, Poll};

use http::{HeaderName, Request, Response};
use tower_service::Service;

use crate::{HandOnFuture, Trail};

/// A service that hands on the ids of its outbound calls: see [`HandOnLayer`](crate::HandOnLayer).
///
/// Errors and readiness are those of the service inside.
#[derive(Clone, Debug)]
pub struct HandOn<S> {
    inner: S,
    header: HeaderName,
}

impl<S> HandOn<S> {
    pub(super) fn new(inner: S, header: HeaderName) -> Self {
        Self { inner, header }
    }
}

impl<S, B, R> Service<Request<B>> for HandOn<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = HandOnFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let trail = Trail::default();
        request.extensions_mut().insert(trail.clone());
        HandOnFuture::new(self.inner.call(request), trail, self.header.clone())
    }
}
