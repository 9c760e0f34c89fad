use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use martello_outcome::{BoxError, CallError};
use tower_service::Service;

use crate::{
    LimitBody, Release, ResponseFuture,
    limiter::{Acquire, Limiter},
    release::Holds,
};

/// The service of a [`ConcurrencyLimitLayer`](crate::ConcurrencyLimitLayer).
///
/// A handle holds nothing, ready or not. A request takes a free permit in `call`; where there is none it joins
/// the queue there, and the future waits. In that case the readiness of the inner service is given up, and a
/// clone of it is readied once the permit has come. If that is not ready then, the permit goes to the next request,
/// and this one keeps its place until the clone is ready; that very clone is called.
///
/// Dropping the future gives back what it has: its place in the queue, or its permit.
///
/// # Errors
///
/// A [`CallError`]: one of kind `LimitFull` or `LimitWaitTimeout`, whose outcome is *unsent*, or what the inner
/// service failed with.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S> {
    inner: S,
    limiter: Option<Arc<Limiter>>,
}

impl<S> ConcurrencyLimit<S> {
    pub(crate) fn new(inner: S, limiter: Option<Arc<Limiter>>) -> Self {
        Self { inner, limiter }
    }
}

impl<S, B, R> Service<Request<B>> for ConcurrencyLimit<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    R: Body,
{
    type Response = Response<LimitBody<R>>;
    type Error = CallError;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.inner.poll_ready(cx).map_err(CallError::from_readiness)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(limiter) = &self.limiter else {
            let holds = Holds::of(Release::Head, request.method());
            return ResponseFuture::sent(self.inner.call(request), None, holds);
        };
        let holds = Holds::of(limiter.release, request.method());
        match limiter.enter(&request) {
            Acquire::Permit(permit) => ResponseFuture::sent(self.inner.call(request), Some(permit), holds),
            Acquire::Waiter(waiter) => {
                ResponseFuture::waiting(self.give_up_readiness(), request, waiter, holds)
            }
            Acquire::Refused(error) => {
                self.give_up_readiness();
                ResponseFuture::failed(error, holds)
            }
        }
    }
}

impl<S: Clone> ConcurrencyLimit<S> {
    /// A clone is not ready, and so holds nothing of what the readiness may have reserved. Another one is
    /// returned.
    #[cold]
    fn give_up_readiness(&mut self) -> S {
        self.inner = self.inner.clone();
        self.inner.clone()
    }
}
