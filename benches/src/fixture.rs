//! The one request, the one response and the one server in memory that all subjects share.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

use crate::case::Case;

pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of each request's body.
pub const SENT: u64 = 1 << 10;
/// Bytes of each successful response's body.
pub const ANSWERED: u64 = 8 << 10;

pub const TRACKING_ID: HeaderName = HeaderName::from_static("trackingid");

static ORDER: [u8; 1 << 10] = [b'o'; 1 << 10];
static PLANNING: [u8; 8 << 10] = [b'p'; 8 << 10];
const UNAVAILABLE: &[u8] = b"upstream connect error or disconnect/reset before headers";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::ACCEPT, "application/json"),
    (header::AUTHORIZATION, "Bearer 0123456789abcdef0123456789abcdef"),
    (header::CONTENT_TYPE, "application/json"),
    (header::IF_MATCH, "W/\"24\""),
    (HeaderName::from_static("prefer"), "return=minimal"),
    (header::USER_AGENT, "orders/1.4 (bench)"),
];

/// A `PUT` of 1 KiB of its own and six headers with values of their own.
///
/// # Errors
///
/// Never: the headers are valid.
pub fn request<B: From<Bytes>>(uri: &Uri) -> Result<Request<B>, Error> {
    let mut request = Request::new(B::from(Bytes::from(ORDER.to_vec())));
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = uri.clone();
    for (name, value) in HEADERS {
        request.headers_mut().insert(name, HeaderValue::from_bytes(value.as_bytes())?);
    }
    Ok(request)
}

/// What the server counts: read it to know that the work was done.
#[derive(Debug, Default)]
struct Counts {
    attempts: AtomicU64,
    bytes: AtomicU64,
}

/// A server in memory, as cheap as one can be: it reads the request's body, counts, and answers at once.
#[derive(Clone, Debug)]
pub struct Server {
    case: Case,
    id: HeaderValue,
    counts: Arc<Counts>,
}

impl Server {
    /// # Errors
    ///
    /// Never: the id is a valid header value.
    pub fn new(case: Case) -> Result<Self, Error> {
        let id = Bytes::from(String::from("7d444840-9dc0-11d1-b245-5ffdce74fad2"));
        Ok(Self { case, id: HeaderValue::from_maybe_shared(id)?, counts: Arc::default() })
    }

    /// How many requests came, and how many bytes in them.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.attempts.load(Ordering::Relaxed), self.counts.bytes.load(Ordering::Relaxed))
    }

    fn respond(&self) -> Response<Full<Bytes>> {
        let attempt = self.counts.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let (status, body) = match attempt.is_multiple_of(self.case.attempts()) {
            true => (StatusCode::OK, PLANNING.as_slice()),
            false => (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE),
        };
        let mut response = Response::new(Full::new(Bytes::from_static(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.case.has_id() {
            headers.insert(TRACKING_ID, self.id.clone());
        }
        response
    }
}

impl<B: Body + Unpin> Service<Request<B>> for Server {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answer<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answer<B> {
        Answer { server: self.clone(), body: request.into_body() }
    }
}

/// Reads the request, then answers. A body that breaks off counts for what was read of it.
#[derive(Debug)]
pub struct Answer<B> {
    server: Server,
    body: B,
}

impl<B: Body + Unpin> Future for Answer<B> {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(Ok(frame)) = ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            let read = frame.data_ref().map_or(0, |data| data.remaining() as u64);
            self.server.counts.bytes.fetch_add(read, Ordering::Relaxed);
        }
        Poll::Ready(Ok(self.server.respond()))
    }
}
