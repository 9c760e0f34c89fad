use std::task::{Context, Poll};

use http::{Request, Response};
use martello_body::Body;
use martello_outcome::{BoxError, CallError};
use tower_service::Service;

use super::{Inner, ResponseBody, StackFuture};

/// A client `C` with a stack around it. The type is the same whichever layers are on.
///
/// It takes a request with a [`Body`] and returns a response or a [`CallError`]. Clone it for each call or
/// each task: clones share the permits and the budget, and an idle clone holds no permit.
///
/// ```
/// use hyper_util::client::legacy::{Client, connect::HttpConnector};
/// use martello::{Body, Stacked};
///
/// struct Api {
///     orders: Stacked<Client<HttpConnector, Body>>,
///     plans: Stacked<Client<HttpConnector, Body>>,
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Stacked<C>(pub(super) Inner<C>);

impl<C, R> Service<Request<Body>> for Stacked<C>
where
    C: Service<Request<Body>, Response = Response<R>> + Clone,
    C::Error: Into<BoxError>,
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = CallError;
    type Future = StackFuture<C, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        StackFuture::new(self.0.call(request))
    }
}
