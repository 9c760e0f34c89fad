//! The head of a request, kept for a later attempt.

use std::fmt;

use bytes::{Buf, Bytes};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

/// Marks a value that is sensitive, in the field of its length.
const SENSITIVE: u32 = 1 << 31;

/// Everything of a request but its body.
///
/// Its headers are one allocation of exactly the bytes they need, where a clone of the `HeaderMap` takes nine
/// for six headers, and more than twice the instructions. They become a map again only when there is a second
/// attempt. The buffer is not pooled: a pool would keep `Authorization` in memory.
pub(crate) struct Snapshot {
    method: Method,
    uri: Uri,
    version: Version,
    extensions: Extensions,
    /// For each line: length of the name (u16), length of the value and the sensitive bit (u32), name, value.
    headers: Bytes,
}

impl Snapshot {
    /// `None` if a header is too long to be kept.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        Some(Self {
            headers: encode(request.headers())?,
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            extensions: request.extensions().clone(),
        })
    }

    /// The request again, with this body; `None` if it cannot be built.
    pub(crate) fn request<B>(&self, body: B) -> Option<Request<B>> {
        let mut request = Request::new(body);
        *request.headers_mut() = decode(self.headers.clone())?;
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.version_mut() = self.version;
        *request.extensions_mut() = self.extensions.clone();
        Some(request)
    }
}

fn encode(headers: &HeaderMap) -> Option<Bytes> {
    const LENGTHS: usize = 6;
    let size = headers.iter().map(|(name, value)| LENGTHS + name.as_str().len() + value.len()).sum();
    let mut bytes = Vec::with_capacity(size);
    for (name, value) in headers {
        let name = name.as_str().as_bytes();
        let length = u32::try_from(value.len()).ok().filter(|length| length & SENSITIVE == 0)?;
        let sensitive = if value.is_sensitive() { SENSITIVE } else { 0 };
        bytes.extend_from_slice(&u16::try_from(name.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(&(length | sensitive).to_be_bytes());
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(value.as_bytes());
    }
    Some(Bytes::from(bytes))
}

fn decode(mut bytes: Bytes) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    while bytes.has_remaining() {
        let name = usize::from(bytes.try_get_u16().ok()?);
        let value = bytes.try_get_u32().ok()?;
        let length = usize::try_from(value & !SENSITIVE).ok()?;
        if bytes.remaining() < name.checked_add(length)? {
            return None;
        }
        let name = HeaderName::from_bytes(&bytes.split_to(name)).ok()?;
        let mut line = HeaderValue::from_maybe_shared(bytes.split_to(length)).ok()?;
        line.set_sensitive(value & SENSITIVE != 0);
        headers.try_append(name, line).ok()?;
    }
    Some(headers)
}

/// Says nothing of the headers, which hold credentials, nor of the query.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn again(request: &Request<()>) -> Request<()> {
        Snapshot::of(request).and_then(|snapshot| snapshot.request(())).expect("it was a request")
    }

    #[test]
    fn everything_of_the_head_comes_back() {
        let mut request = Request::builder()
            .method("A-METHOD-OF-MORE-THAN-FIFTEEN-BYTES")
            .uri("https://user@api.example:8443/a/b?c=d")
            .version(Version::HTTP_2)
            .header("x-twice", "one")
            .header("x-once", "")
            .header("x-twice", "two")
            .header("x-bytes", HeaderValue::from_bytes(&[0xff, b' ', 0x80]).unwrap())
            .extension(7_u8)
            .body(())
            .unwrap();
        let mut secret = HeaderValue::from_static("Bearer token");
        secret.set_sensitive(true);
        request.headers_mut().insert("authorization", secret);

        let again = again(&request);
        assert_eq!(again.method(), request.method());
        assert_eq!(again.uri(), request.uri());
        assert_eq!(again.version(), request.version());
        assert_eq!(again.headers(), request.headers());
        assert!(again.headers()["authorization"].is_sensitive());
        assert!(!again.headers()["x-once"].is_sensitive());
        assert_eq!(again.extensions().get::<u8>(), Some(&7));
    }

    #[test]
    fn no_secret_is_in_the_debug_text() {
        let request =
            Request::get("/path?token=hidden").header("authorization", "Bearer hidden").body(()).unwrap();
        let text = format!("{:?}", Snapshot::of(&request));
        assert!(text.contains("/path") && !text.contains("hidden"), "{text}");
    }

    proptest! {
        #[test]
        fn headers_survive_in_order_with_repetitions(
            lines in proptest::collection::vec(("[a-z]{1,20}", proptest::collection::vec(0x20_u8..0x7f, 0..300), any::<bool>()), 0..40)
        ) {
            let mut request = Request::new(());
            for (name, value, sensitive) in lines {
                let mut value = HeaderValue::from_bytes(&value).unwrap();
                value.set_sensitive(sensitive);
                request.headers_mut().append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
            }
            let again = again(&request);
            let lines = |request: &Request<()>| {
                let lines = request.headers().iter();
                lines.map(|(name, value)| (name.clone(), value.clone(), value.is_sensitive())).collect::<Vec<_>>()
            };
            prop_assert_eq!(lines(&again), lines(&request));
        }

        #[test]
        fn garbage_is_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(Bytes::from(bytes));
        }
    }
}
