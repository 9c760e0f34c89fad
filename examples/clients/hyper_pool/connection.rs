//! hyper's connections as services, for the pools to store.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response, Uri, header::HOST, uri::PathAndQuery};
use hyper::{
    Error,
    body::Incoming,
    client::conn::{http1, http2},
    rt::Executor,
};
use hyper_util::rt::TokioExecutor;
use martello::Body;
use support::BoxError;
use tower::Service;

use crate::Stream;

/// Boxed, because the cache needs futures that are `Unpin`.
type Pending<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// An HTTP/1.1 connection. It carries one request at a time.
#[derive(Debug)]
pub(crate) struct Http1(http1::SendRequest<Body>);

impl Http1 {
    pub(crate) fn handshake(stream: Stream) -> Pending<Self, BoxError> {
        Box::pin(async {
            let (sender, connection) = http1::handshake(stream).await?;
            TokioExecutor::new().execute(connection);
            Ok(Self(sender))
        })
    }
}

impl Service<Request<Body>> for Http1 {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pending<Response<Incoming>, Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    /// HTTP/1.1 puts the host in a header, and only the path in the request line (RFC 9112 §3.2.1).
    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // `host` and `port` leave out a user and a password in the authority.
        let uri = request.uri();
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = uri.host().and_then(|host| format!("{host}{port}").parse().ok());
        if let Some(host) = host {
            request.headers_mut().entry(HOST).or_insert(host);
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
        Box::pin(self.0.send_request(request))
    }
}

/// An HTTP/2 connection. It carries as many concurrent requests as the server allows.
#[derive(Clone, Debug)]
pub(crate) struct Http2(http2::SendRequest<Body>);

impl Http2 {
    pub(crate) fn handshake(stream: Stream) -> Pending<Self, BoxError> {
        Box::pin(async {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await?;
            TokioExecutor::new().execute(connection);
            Ok(Self(sender))
        })
    }
}

impl Service<Request<Body>> for Http2 {
    type Response = Response<Incoming>;
    type Error = Error;
    type Future = Pending<Response<Incoming>, Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
