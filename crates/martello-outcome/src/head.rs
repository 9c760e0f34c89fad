use std::{borrow::Cow, fmt};

use http::{Extensions, HeaderMap, Method, Request, Uri, header, uri::Authority};

use crate::HostPort;

/// The head of a request, borrowed, without the type of its body.
///
/// ```
/// use martello_outcome::RequestHead;
///
/// let request = http::Request::delete("https://api.example/orders/1?key=abc").body("any body")?;
/// let head = RequestHead::from(&request);
/// assert_eq!(head.uri.path(), "/orders/1");
/// assert!(!format!("{head:?}").contains("abc"));
/// # Ok::<(), http::Error>(())
/// ```
///
/// Its `Debug` names the header fields without their values, and leaves out the target's query and userinfo.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// The extensions.
    pub extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// The authority that the request goes to, in its [canonical form](HostPort::canonical): that of its URI,
    /// or of its `Host` header if the URI has none.
    ///
    /// ```
    /// # use martello_outcome::RequestHead;
    /// let request = http::Request::put("https://me@API.example:443/orders/1").body(())?;
    /// assert_eq!(RequestHead::from(&request).authority().as_deref(), Some("api.example"));
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use]
    pub fn authority(&self) -> Option<Cow<'a, str>> {
        let host = || self.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority = self.uri.authority().map(Authority::as_str).or_else(host)?;
        HostPort::new(self.uri.scheme(), authority).canonical()
    }
}

impl<'a, B> From<&'a Request<B>> for RequestHead<'a> {
    fn from(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("RequestHead")
            .field("method", self.method)
            .field("host", &self.uri.host())
            .field("path", &self.uri.path())
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}
