use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use martello_outcome::{BoxError, CallError};
use tower_service::Service;

use crate::{LimitBody, Release, ResponseFuture, acquire::Acquired, body::KeepsPermit, limiter::Limiter};

/// The service of a [`ConcurrencyLimitLayer`](crate::ConcurrencyLimitLayer).
///
/// An idle clone holds no permit, ready or not. `call` takes a free permit, or appends the request to the
/// queue, and the future waits. A request that waits gives up the readiness of the inner service. Once its
/// permit is granted it readies a clone of the inner service. If the clone is not ready, the permit goes to
/// the next request, and this request keeps its position until the clone is ready. That same clone is then
/// called.
///
/// Dropping the future removes the request from the queue, or returns its permit.
///
/// # Errors
///
/// A [`CallError`]: of kind `LimitFull` or `LimitWaitTimeout`, with the outcome *unsent*, or the error of the
/// inner service.
///
/// ```
/// use http::{Request, Response};
/// use http_body_util::Empty;
/// use martello_limit::{ConcurrencyLimitLayer, ErrorKind};
/// use tower::{Layer, Service, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = service_fn(async |_: Request<()>| {
///     Ok::<_, std::io::Error>(Response::new(Empty::<bytes::Bytes>::new()))
/// });
/// let mut service = ConcurrencyLimitLayer::builder().permits(1).max_waiting(0).build()?.layer(client);
///
/// let first = service.call(Request::new(())); // takes the permit, before it is polled
/// let second = service.call(Request::new(()));
/// assert_eq!(second.await.unwrap_err().kind(), ErrorKind::LimitFull);
/// assert_eq!(first.await?.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S> {
    inner: S,
    limiter: Option<Arc<Limiter>>,
    release: Release,
}

impl<S> ConcurrencyLimit<S> {
    pub(crate) fn new(inner: S, limiter: Option<Arc<Limiter>>, release: Release) -> Self {
        Self { inner, limiter, release }
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
        let keeps_permit = KeepsPermit::of(self.release, request.method());
        let Some(limiter) = &self.limiter else {
            return ResponseFuture::sent(self.inner.call(request), None, keeps_permit);
        };
        match Acquired::for_request(limiter, &request) {
            Acquired::Permit(permit) => {
                ResponseFuture::sent(self.inner.call(request), Some(permit), keeps_permit)
            }
            Acquired::Waiter(waiter) => {
                ResponseFuture::waiting(self.give_up_readiness(), request, waiter, keeps_permit)
            }
            Acquired::Full(error) => {
                self.give_up_readiness();
                ResponseFuture::failed(error, keeps_permit)
            }
        }
    }
}

impl<S: Clone> ConcurrencyLimit<S> {
    /// Replaces the inner service with a clone, which is not ready and so reserves nothing. Returns another
    /// clone.
    #[cold]
    fn give_up_readiness(&mut self) -> S {
        self.inner = self.inner.clone();
        self.inner.clone()
    }
}
