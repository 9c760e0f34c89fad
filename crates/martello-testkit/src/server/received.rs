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
    /// The part of the body that was read, at most 16 MiB. Empty until the body has been read.
    pub body: Bytes,
    /// The trailers of a chunked body.
    pub trailers: HeaderMap,
    /// Whether the body was read to its end.
    ///
    /// Stays `false` if the client left before the end, if the body was too large or malformed, or if the
    /// reply was [`Reply::close_before_reading`](super::Reply::close_before_reading).
    pub complete: bool,
    /// The number of the connection, in the order in which connections were accepted. The first is 1.
    pub connection: usize,
    /// The number of the request, in the order in which heads arrived. The first is 1.
    pub sequence: usize,
}

impl Received {
    /// The first value of a header as text. `None` if the header is missing or is not visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
