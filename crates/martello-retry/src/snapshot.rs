//! A copy of a request, for a later attempt.

use arrayvec::ArrayVec;
use bytes::{Buf, Bytes};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use martello_outcome::CallNotes;

use crate::CopyBody;

/// A copy of a request, or none.
pub(crate) struct Snapshot<B> {
    headers: Headers,
    rest: Option<Rest<B>>,
}

struct Rest<B> {
    method: Method,
    uri: Uri,
    version: Version,
    extensions: Extensions,
    /// Replaces the extensions if they hold nothing else: a clone of the notes allocates nothing, a clone of
    /// the map does.
    notes: Option<CallNotes>,
    body: B,
}

impl<B> Snapshot<B> {
    pub(crate) fn none() -> Self {
        Self { headers: Headers::default(), rest: None }
    }

    /// Copies the head of this request, and takes this body. Fills `self` in place, because the value is
    /// large and returning it would move it once more.
    pub(crate) fn keep(&mut self, request: &Request<B>, body: B) {
        self.headers.push(request.headers());
        let extensions = request.extensions();
        let notes = if extensions.len() == 1 { CallNotes::of(extensions).cloned() } else { None };
        let extensions = if notes.is_some() { Extensions::new() } else { extensions.clone() };
        self.rest = Some(Rest {
            method: request.method().clone(),
            uri: request.uri().clone(),
            version: request.version(),
            extensions,
            notes,
            body,
        });
    }

    /// Whether there is a request, and its body can be sent again.
    pub(crate) fn is_intact(&self, copy: &impl CopyBody<B>) -> bool {
        self.rest.as_ref().is_some_and(|rest| copy.is_intact(&rest.body))
    }

    /// Rebuilds the request. Returns `None` if there is none or it cannot be built. If there may be `more`
    /// attempts, keeps another copy.
    pub(crate) fn request(&mut self, copy: &impl CopyBody<B>, cap: usize, more: bool) -> Option<Request<B>> {
        let Rest { method, uri, version, extensions, notes, body } = self.rest.take()?;
        let mut request = Request::new(());
        *request.headers_mut() = self.headers.map()?;
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.version_mut() = version;
        *request.extensions_mut() = extensions.clone();
        if let Some(notes) = &notes {
            request.extensions_mut().insert(notes.clone());
        }
        let next = if more { copy.copy(&body, cap) } else { None };
        self.rest = next.map(|body| Rest { method, uri, version, extensions, notes, body });
        Some(request.map(|()| body))
    }
}

/// Headers as bytes. The lengths of name and value precede each header.
///
/// A clone of the `HeaderMap` would allocate for each call. The bytes become a map again only for a second
/// attempt. They are not pooled, because a pool would keep `Authorization`.
#[derive(Default)]
struct Headers {
    short: ArrayVec<u8, { Self::SHORT }>,
    /// The headers that did not fit into `short`.
    long: Vec<u8>,
}

impl Headers {
    /// Headers up to this length, in bytes, allocate nothing. More space would move with the futures of all
    /// calls.
    const SHORT: usize = 256;

    /// Marks a sensitive value, in the word of its length.
    const SENSITIVE: u64 = 1 << 47;

    fn push(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            let (name, mark) = (name.as_str(), if value.is_sensitive() { Self::SENSITIVE } else { 0 });
            // `http` limits a name to less than 2^16 bytes; memory limits a value to less than 2^47.
            let lengths = (name.len() as u64) << 48 | mark | value.len() as u64;
            self.push_bytes(&lengths.to_le_bytes(), headers);
            self.push_bytes(name.as_bytes(), headers);
            self.push_bytes(value.as_bytes(), headers);
        }
    }

    #[inline]
    fn push_bytes(&mut self, bytes: &[u8], of: &HeaderMap) {
        if !self.long.is_empty() || self.short.try_extend_from_slice(bytes).is_err() {
            self.push_long(bytes, of);
        }
    }

    /// Reserves space for all headers at once: growing would allocate for each doubling.
    #[inline(never)]
    fn push_long(&mut self, bytes: &[u8], of: &HeaderMap) {
        if self.long.capacity() == 0 {
            let lengths = of.iter().map(|(name, value)| size_of::<u64>() + name.as_str().len() + value.len());
            self.long.reserve_exact(lengths.sum());
        }
        self.long.extend_from_slice(bytes);
    }

    fn map(&self) -> Option<HeaderMap> {
        let mut bytes = Bytes::from([&self.short, &*self.long].concat());
        let mut headers = HeaderMap::new();
        while bytes.has_remaining() {
            let lengths = bytes.try_get_u64_le().ok()?;
            let name = usize::try_from(lengths >> 48).ok()?;
            let length = usize::try_from(lengths & (Self::SENSITIVE - 1)).ok()?;
            if bytes.remaining() < name.checked_add(length)? {
                return None;
            }
            let name = HeaderName::from_bytes(&bytes.split_to(name)).ok()?;
            let mut value = HeaderValue::from_maybe_shared(bytes.split_to(length)).ok()?;
            value.set_sensitive(lengths & Self::SENSITIVE != 0);
            headers.try_append(name, value).ok()?;
        }
        Some(headers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ByTryCopy;

    fn again(request: &Request<()>) -> Request<()> {
        let mut snapshot = Snapshot::none();
        snapshot.keep(request, ());
        snapshot.request(&ByTryCopy, 0, true).expect("it was a request")
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
            let headers = Headers { long: bytes, ..Headers::default() };
            let _ = headers.map();
        }
    }
}
