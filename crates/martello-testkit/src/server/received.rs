use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};

/// A request as the [`Server`](super::Server) saw it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Received {
    /// The method of the request line.
    pub method: Method,
    /// The target of the request line: path and query, unless a client sends the absolute form.
    pub uri: Uri,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// The headers in order, repeated ones included.
    pub headers: HeaderMap,
    /// What has been read of the body, at most 16 MiB. Empty while the body is still on its way.
    pub body: Bytes,
    /// The trailers of a chunked body.
    pub trailers: HeaderMap,
    /// Whether the body was read to its end.
    ///
    /// Stays `false` for a request whose sender left in the middle of it, whose body was too large or malformed,
    /// or whose reply was [`Reply::close_before_reading`](super::Reply::close_before_reading).
    pub complete: bool,
    /// The connection that brought the request; the first accepted is 1.
    pub connection: usize,
    /// The place in the order in which request heads arrived; the first is 1.
    pub sequence: usize,
}

impl Received {
    /// A header's first value as text, if there is one and it is visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
