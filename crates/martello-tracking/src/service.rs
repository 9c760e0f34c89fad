use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use martello_outcome::{AttemptNumber, CallerId};
use tower_service::Service;

use crate::{
    ResponseFuture, TrackingIds,
    future::Read,
    header::{Config, Sends},
};

/// A service that reads the tracking ids of its responses: see [`TrackingLayer`](crate::TrackingLayer).
///
/// Responses, errors and readiness are those of the inner service.
#[derive(Clone, Debug)]
pub struct Tracking<S> {
    inner: S,
    config: Option<Arc<Config>>,
}

impl<S> Tracking<S> {
    pub(crate) fn new(inner: S, config: Option<Arc<Config>>) -> Self {
        Self { inner, config }
    }
}

impl<S, B, R> Service<Request<B>> for Tracking<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let read = self.config.as_ref().map(|config| begin(config, &mut request));
        ResponseFuture::new(self.inner.call(request), read)
    }
}

fn begin<B>(config: &Arc<Config>, request: &mut Request<B>) -> Read {
    if let Some(sends) = &config.sends {
        send_caller_id(request, sends);
    }
    let extensions = request.extensions();
    let tracking_ids =
        TrackingIds::of(extensions).map(|tracking_ids| tracking_ids.start(AttemptNumber::of(extensions)));
    Read::new(config, tracking_ids)
}

fn send_caller_id<B>(request: &mut Request<B>, sends: &Sends) {
    let known = CallerId::of(request.extensions());
    let Some(id) = known.or_else(|| (sends.source)(request.extensions())) else {
        return;
    };
    if known.is_none() {
        request.extensions_mut().insert(id);
    }
    if !request.headers().contains_key(&sends.header) {
        // It fails only if the map is full; then the request is sent without the id.
        let _ = request.headers_mut().try_insert(sends.header.clone(), id.to_header());
    }
}
