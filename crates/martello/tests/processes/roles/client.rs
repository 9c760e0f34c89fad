//! The client of a process. It adds headers that identify the process and the attempt.

use http::{HeaderValue, Request, Response};
use hyper_util::{
    client::legacy::{Client, Error},
    rt::TokioExecutor,
};
use martello::{Body, outcome::AttemptNumber};
use tower::{Service, ServiceExt};

/// The header with the name of the process, and the header with the number of the attempt.
pub(crate) const SIGNATURE: (&str, &str) = ("x-process", "x-attempt");

pub(crate) fn client(
    name: &str,
) -> impl Service<Request<Body>, Response = Response<hyper::body::Incoming>, Error = Error, Future: Send>
+ Clone
+ Send
+ 'static {
    let name = HeaderValue::from_str(name).unwrap();
    Client::builder(TokioExecutor::new()).build_http().map_request(move |mut request: Request<Body>| {
        let attempt = AttemptNumber::of(request.extensions());
        request.headers_mut().insert(SIGNATURE.0, name.clone());
        request.headers_mut().insert(SIGNATURE.1, attempt.into());
        request
    })
}
