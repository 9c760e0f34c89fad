use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use martello_body::Body;
use martello_log::Redaction;
use martello_outcome::{HostPort, has_userinfo, strip_userinfo};
use uuid::Uuid;

use super::InvalidEntry;

/// A stored request: complete, without credentials, and with a body that may be sealed.
///
/// Its `Debug` shows neither query nor values of headers nor body. A clone shares the body.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// The method.
    pub method: Method,
    /// The target, absolute, http or https, and without userinfo.
    pub uri: Uri,
    /// The header fields, without those that are secret.
    pub headers: HeaderMap,
    /// The body, as it goes on the wire; sealed if [`StoredRequest::sealed`] says so.
    pub body: Bytes,
    /// Whether the body was sealed before it was stored.
    pub sealed: bool,
}

const NO_URL: InvalidEntry = InvalidEntry::new("url", "absolute, with http or https and a host");

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Fields that belong to a connection and not to a request (RFC 9110 §7.6.1), and the length, which the
/// client knows best.
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

impl StoredRequest {
    /// The largest head that is stored, in bytes of names and values: what servers accept is less.
    pub const MAX_HEADERS: usize = 64 * 1024;

    /// The longest host, in bytes: no domain name is longer (RFC 1035 §2.3.4).
    pub const MAX_HOST: usize = 255;

    /// Builds the request to store: without secret headers, hop-by-hop headers and userinfo.
    ///
    /// # Errors
    ///
    /// Those of [`StoredRequest::check`].
    pub fn new(
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
        redaction: &Redaction,
    ) -> Result<Self, InvalidEntry> {
        let mut kept = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers {
            if !redaction.hides_value(name, value) && !HOP_BY_HOP.contains(&name.as_str()) {
                kept.append(name, value.clone());
            }
        }
        let request =
            Self { method: method.clone(), uri: without_userinfo(uri)?, headers: kept, body, sealed: false };
        request.check()?;
        Ok(request)
    }

    /// Adds an `Idempotency-Key`, a random UUID, to a request that changes something and has none
    /// (draft-ietf-httpapi-idempotency-key-header).
    pub fn assign_idempotency_key(method: &Method, headers: &mut HeaderMap) {
        if method.is_safe() || headers.get(IDEMPOTENCY_KEY).is_some_and(|key| !key.is_empty()) {
            return;
        }
        // A quoted UUID is always a value.
        if let Ok(value) = HeaderValue::try_from(format!("\"{}\"", Uuid::now_v7())) {
            headers.insert(HeaderName::from_static(IDEMPOTENCY_KEY), value);
        }
    }

    /// The target's host, without userinfo and port.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.host().unwrap_or_default()
    }

    /// The authority of the target in its [canonical](HostPort::canonical) form. Holds apply to it.
    #[must_use]
    pub fn authority(&self) -> String {
        let authority = HostPort::of(&self.uri).and_then(HostPort::canonical);
        authority.unwrap_or_default().into_owned()
    }

    /// The value of the `Idempotency-Key` header, if it has one.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&str> {
        self.headers.get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok())
    }

    /// The headers as a JSON array of pairs, in order and with repeated names, as an engine stores them. A
    /// byte that is not ASCII becomes the character with its number, so that every value survives.
    #[must_use]
    pub fn headers_to_json(&self) -> String {
        let text =
            |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>();
        let pairs: Vec<(&str, String)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
        // Strings always serialise.
        serde_json::to_string(&pairs).unwrap_or_default()
    }

    /// The headers that [`StoredRequest::headers_to_json`] wrote.
    ///
    /// # Errors
    ///
    /// When the text is not such an array.
    pub fn headers_from_json(text: &str) -> Result<HeaderMap, InvalidEntry> {
        let invalid = || InvalidEntry::new("headers", "a JSON array of pairs of name and value");
        let pairs: Vec<(String, String)> = serde_json::from_str(text).map_err(|_| invalid())?;
        let mut headers = HeaderMap::with_capacity(pairs.len());
        for (name, value) in pairs {
            let bytes: Result<Vec<u8>, _> = value.chars().map(u8::try_from).collect();
            let value = HeaderValue::from_maybe_shared(Bytes::from(bytes.map_err(|_| invalid())?));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            headers.append(name, value.map_err(|_| invalid())?);
        }
        Ok(headers)
    }

    /// Builds the request to send.
    #[must_use]
    pub fn to_request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.uri);
        request.headers_mut().clone_from(&self.headers);
        request
    }

    /// Checks the requirements of an engine: an absolute target, http or https, with a host of at most
    /// [`StoredRequest::MAX_HOST`] and without userinfo, and a head of at most
    /// [`StoredRequest::MAX_HEADERS`].
    ///
    /// # Errors
    ///
    /// The first requirement that is not met.
    pub fn check(&self) -> Result<(), InvalidEntry> {
        if !matches!(self.uri.scheme_str(), Some("http" | "https")) || self.host().is_empty() {
            return Err(NO_URL);
        }
        if self.host().len() > Self::MAX_HOST {
            return Err(InvalidEntry::new("url", "a URL whose host has at most 255 bytes"));
        }
        if has_userinfo(&self.uri) {
            return Err(InvalidEntry::new("url", "without userinfo, because credentials are never stored"));
        }
        let size: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if size > Self::MAX_HEADERS {
            return Err(InvalidEntry::new("head", "at most 64 KiB of header names and values"));
        }
        Ok(())
    }
}

impl fmt::Debug for StoredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("StoredRequest")
            .field("method", &self.method)
            .field("host", &self.host())
            .field("path", &self.uri.path())
            .field("headers", &names)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("sealed", &self.sealed)
            .finish()
    }
}

fn without_userinfo(uri: &Uri) -> Result<Uri, InvalidEntry> {
    let Some(authority) = uri.authority().filter(|_| has_userinfo(uri)) else {
        return Ok(uri.clone());
    };
    let mut parts = uri.clone().into_parts();
    parts.authority = Some(strip_userinfo(authority.as_str()).parse().map_err(|_| NO_URL)?);
    Uri::from_parts(parts).map_err(|_| NO_URL)
}
