use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use martello_outcome::{AttemptNumber, BoxError, CallError};
use tower_service::Service;

use crate::{ByTryCopy, CopyBody, ResponseFuture, RetryBody, call::CallState, config::Config};

/// The service of a [`RetryLayer`](crate::RetryLayer). It retries a request when that is safe, useful and
/// affordable.
///
/// Clones share the budget. An idle clone holds nothing.
#[derive(Clone)]
pub struct Retry<S, C = ByTryCopy> {
    inner: S,
    config: Arc<Config>,
    copy: C,
}

impl<S, C> Retry<S, C> {
    pub(crate) fn new(inner: S, config: Arc<Config>, copy: C) -> Self {
        Self { inner, config, copy }
    }
}

impl<S, C, B, R> Service<Request<B>> for Retry<S, C>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    R: Body,
    R::Error: Into<BoxError>,
    C: CopyBody<B> + Clone,
{
    type Response = Response<RetryBody<R>>;
    type Error = CallError;
    type Future = ResponseFuture<S, C, B, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(CallError::from_readiness)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The number of an outer retry layer or of an outbox's worker does not count the attempts here.
        request.extensions_mut().remove::<AttemptNumber>();
        // The service that was readied makes the first attempt. An idle clone replaces it.
        let clone = self.inner.clone();
        let service = mem::replace(&mut self.inner, clone);
        let call = CallState::new(Arc::clone(&self.config), self.copy.clone(), &request);
        ResponseFuture::new(service, call, request)
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Retry<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
