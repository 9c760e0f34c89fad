use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use martello_outcome::{BoxError, CallError};
use tower_service::Service;

use crate::{LogBody, ResponseFuture, pending_record::PendingRecord, settings::Settings};

/// A service that writes a record of each call or attempt: see [`LogLayer`](crate::LogLayer).
///
/// Requests and readiness are those of the inner service. The response body is wrapped, and an error becomes
/// a [`CallError`].
#[derive(Clone, Debug)]
pub struct Log<S> {
    inner: S,
    settings: Option<Arc<Settings>>,
}

impl<S> Log<S> {
    pub(crate) fn new(inner: S, settings: Option<Arc<Settings>>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, R> Service<Request<B>> for Log<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: Body,
    R: Body,
{
    type Response = Response<LogBody<R>>;
    type Error = CallError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(CallError::from_readiness)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let settings = self.settings.as_ref();
        let Some(pending) = settings.and_then(|settings| PendingRecord::start(settings, &mut request)) else {
            // An early return, so that the future is created in place and not moved.
            return ResponseFuture::new(self.inner.call(request), None);
        };
        let inner = {
            let _entered = pending.enter();
            self.inner.call(request)
        };
        ResponseFuture::new(inner, Some(pending))
    }
}
