//! A service of `http` requests over reqwest's client.

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

/// A service of `http` requests over [reqwest](::reqwest)'s client, to build a stack on.
///
/// One attempt is one request. Therefore this service turns off reqwest's redirects and retries. Otherwise a
/// POST that is answered with 303, and whose redirect target refuses the connection, would count as unsent. A
/// redirect is returned as a response; to follow it, put tower-http's `FollowRedirect` around the finished
/// stack, where each request has its own attempts.
///
/// reqwest normalizes URLs by the WHATWG standard: it sends `/a/../b` as `/b`. hyper sends the `Uri`
/// unchanged.
///
/// Bodies stream in both directions. The request's extensions are not passed to reqwest. The error is
/// reqwest's own; the stack finds out from its sources whether the request was sent (over HTTP/2, enable this
/// crate's feature `h2`). A request that reqwest cannot build, such as one for a URL without a host or with
/// another scheme than HTTP's, is [never sent](crate::ErrorKind::Unsendable). A timeout that is set on the
/// client makes the attempt [ambiguous](crate::Outcome::Ambiguous), as the attempt timeout does.
///
/// Clones share the client's connections. Dropping the future cancels the request.
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
    /// Builds the client. Replaces its policies for redirects and retries: it does neither.
    ///
    /// # Errors
    ///
    /// When reqwest cannot build the client, because TLS cannot be set up or a proxy of the environment is
    /// invalid.
    pub fn new(client: ClientBuilder) -> Result<Self, Error> {
        let client = client.redirect(redirect::Policy::none()).retry(retry::never()).build()?;
        Ok(Self { client })
    }

    /// Returns reqwest's client, for requests that need no stack. It follows no redirects and does not retry.
    ///
    /// ```
    /// use martello::ReqwestService;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = martello_testkit::Server::start().await?;
    /// # let url = server.uri("/health").to_string();
    /// let http = ReqwestService::new(reqwest::Client::builder().no_proxy())?;
    /// let response = http.client().get(url).send().await?;
    /// assert_eq!(response.status(), 200);
    /// # Ok(())
    /// # }
    /// ```
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

/// Passes bytes on as bytes, which avoids boxing a stream.
fn into_reqwest(body: Body) -> ::reqwest::Body {
    match body.as_bytes() {
        Some(bytes) => bytes.clone().into(),
        None => ::reqwest::Body::wrap(body),
    }
}

pin_project! {
    /// The response future of a [`ReqwestService`].
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
        /// The request's URI is not a URL that reqwest accepts. `None` once the future has completed.
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
                // The URL may contain secrets, escaped by reqwest so that the masking of the log would not
                // find them.
                Poll::Ready(response.map(Response::from).map_err(Error::without_url))
            }
            StateProjection::Invalid { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error.without_url())),
                None => Poll::Pending,
            },
        }
    }
}
