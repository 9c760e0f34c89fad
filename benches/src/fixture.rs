//! The one request and the one response that all subjects share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

use crate::{Error, case::Case};

/// Bytes of each request's body.
pub const SENT: u64 = 1 << 10;
/// Bytes of each successful response's body.
pub const ANSWERED: u64 = 8 << 10;

pub const TRACKING_ID: HeaderName = HeaderName::from_static("trackingid");

static ORDER: [u8; 1 << 10] = [b'o'; 1 << 10];
static PLANNING: [u8; 8 << 10] = [b'p'; 8 << 10];
static LARGE: [u8; 512 << 10] = [b'u'; 512 << 10];
static SMALL: &[u8] = b"upstream connect error or disconnect/reset before headers";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::ACCEPT, "application/json"),
    (header::AUTHORIZATION, "Bearer 0123456789abcdef0123456789abcdef"),
    (header::CONTENT_TYPE, "application/json"),
    (header::IF_MATCH, "W/\"24\""),
    (HeaderName::from_static("prefer"), "return=minimal"),
    (header::USER_AGENT, "orders/1.4 (bench)"),
];

/// A `PUT` with its own 1 KiB body and its own six headers.
///
/// # Errors
///
/// Never: the headers are valid.
pub fn request<B: From<Bytes>>(uri: &Uri) -> Result<Request<B>, Error> {
    let mut request = Request::new(B::from(body()));
    *request.method_mut() = Method::PUT;
    *request.uri_mut() = uri.clone();
    fill(request.headers_mut())?;
    Ok(request)
}

/// The request's body.
#[must_use]
pub fn body() -> Bytes {
    Bytes::from(ORDER.to_vec())
}

/// Inserts the request's headers.
///
/// # Errors
///
/// Never: the headers are valid.
pub fn fill(headers: &mut HeaderMap) -> Result<(), Error> {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes())?);
    }
    Ok(())
}

/// What the server answers, and counts of what it received: the proof that the work was done. Clones share
/// the counts.
#[derive(Clone, Debug)]
pub struct Answers {
    case: Case,
    id: HeaderValue,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    attempts: AtomicU64,
    bytes: AtomicU64,
}

impl Answers {
    /// # Errors
    ///
    /// Never: the id is a valid header value.
    pub fn new(case: Case) -> Result<Self, Error> {
        let id = Bytes::from(String::from("7d444840-9dc0-11d1-b245-5ffdce74fad2"));
        Ok(Self { case, id: HeaderValue::from_maybe_shared(id)?, counts: Arc::default() })
    }

    /// The number of requests answered, and of bytes in them.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.counts.attempts.load(Ordering::Relaxed), self.counts.bytes.load(Ordering::Relaxed))
    }

    /// The response to a request with this many bytes in its body.
    #[must_use]
    pub fn answer(&self, bytes: u64) -> Response<Bytes> {
        self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        let attempt = self.counts.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let (status, body) = if attempt.is_multiple_of(self.case.attempts()) {
            (StatusCode::OK, PLANNING.as_slice())
        } else if self.case == Case::Big503 {
            (StatusCode::SERVICE_UNAVAILABLE, LARGE.as_slice())
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, SMALL)
        };
        let mut response = Response::new(Bytes::from_static(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.case.has_id() {
            headers.insert(TRACKING_ID, self.id.clone());
        }
        response
    }
}
