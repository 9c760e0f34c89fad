//! reqwest's client as a service, which by itself takes requests of its own type.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use ::reqwest::{Client, ClientBuilder, Error, redirect, retry};
use http::{Request, Response};
use martello_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

/// [reqwest](::reqwest)'s client as a service of `http` requests, for a stack to be built on.
///
/// An attempt is one request, and what became of it is what is known of it: so reqwest neither follows redirects here
/// nor sends anything again by itself. If it did, a POST that is answered with 303 and whose redirect finds no server
/// would pass for unsent. A redirect comes back as the response that it is; to follow it, put tower-http's
/// `FollowRedirect` around the finished stack, where each request has its own attempts.
///
/// reqwest sends URLs as the WHATWG writes them: `/a/../b` goes out as `/b`, where hyper sends what the `Uri` says.
///
/// Bodies stream in both directions. The request's extensions stay behind. The error is reqwest's own, and what is
/// unsent is read from its sources; with HTTP/2 that wants this crate's feature `h2`. What reqwest cannot build (a URL without
/// a host, a scheme that is not HTTP's) is [never sent](crate::ErrorKind::Unsendable). A timeout that is set on the
/// client is a fault of the attempt, as [ambiguous](crate::Outcome::Ambiguous) as the attempt timeout, which it cuts
/// short.
///
/// Clones share the client's connections. Dropping the future gives the request up.
///
/// ```
/// use martello::{ReqwestService, Stack, Stacked};
/// use tower::Layer;
///
/// struct Api {
///     orders: Stacked<ReqwestService>,
/// }
///
/// let http = ReqwestService::new(reqwest::Client::builder().user_agent("planner/1.0"))?;
/// let api = Api { orders: Stack::new().build()?.layer(http) };
/// # let _ = api.orders;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReqwestService {
    client: Client,
}

impl ReqwestService {
    /// Builds the client. Its policies of redirects and retries, if it has any, give way to none.
    ///
    /// # Errors
    ///
    /// When reqwest cannot build the client: its TLS cannot be set up, or a proxy of the environment is invalid.
    pub fn new(client: ClientBuilder) -> Result<Self, Error> {
        let client = client.redirect(redirect::Policy::none()).retry(retry::never()).build()?;
        Ok(Self { client })
    }

    /// The client, for requests that shall not go through a stack.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Service<Request<Body>> for ReqwestService {
    type Response = Response<::reqwest::Body>;
    type Error = Error;
    type Future = ReqwestFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.client.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> ReqwestFuture {
        let state = match ::reqwest::Request::try_from(request.map(into_reqwest)) {
            Ok(request) => State::Sent { response: self.client.call(request) },
            Err(invalid) => State::Invalid { error: Some(invalid) },
        };
        ReqwestFuture { state }
    }
}

/// Bytes stay bytes, which saves the box around a stream.
fn into_reqwest(body: Body) -> ::reqwest::Body {
    match body.as_bytes() {
        Some(bytes) => bytes.clone().into(),
        None => ::reqwest::Body::wrap(body),
    }
}

pin_project! {
    /// The response of a [`ReqwestService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ReqwestFuture {
        #[pin]
        state: State,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProjection]
    enum State {
        Sent { #[pin] response: <Client as Service<::reqwest::Request>>::Future },
        /// The request's URI is no URL, which reqwest needs; or it is over.
        Invalid { error: Option<Error> },
    }
}

impl Future for ReqwestFuture {
    type Output = Result<Response<::reqwest::Body>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.as_mut().project().state.project() {
            StateProjection::Sent { response } => {
                let response = ready!(response.poll(cx));
                self.set(Self { state: State::Invalid { error: None } });
                // Its URL is the caller's own, with whatever secrets it bears, in a form that no log would know again.
                Poll::Ready(response.map(Response::from).map_err(Error::without_url))
            }
            StateProjection::Invalid { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error.without_url())),
                None => Poll::Pending,
            },
        }
    }
}
