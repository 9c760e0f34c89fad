use std::{borrow::Cow, fmt};

use http::{Extensions, HeaderMap, Method, Request, Uri, header, uri::Authority};

/// The head of a request, borrowed, without the type of its body.
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
    /// What the caller and the layers outside have said about it.
    pub extensions: &'a Extensions,
}

impl<'a> RequestHead<'a> {
    /// The authority that the request goes to, the same however it is written: that of its URI or, for want of one, of
    /// its `Host`; in lower case, without userinfo, without zeros before its port, and without a port that is empty, 0 or the
    /// default of its scheme (RFC 9110 §4.2.3). Where no scheme is named, the default ports of http and https are both no part of it.
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
        let authority = authority.rsplit_once('@').map_or(authority, |(_userinfo, host)| host);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() {
            return None;
        }
        let number = port.map_or("", |port| port.trim_start_matches('0'));
        let is_default = match self.uri.scheme_str() {
            Some("https") => number == "443",
            Some("http") => number == "80",
            Some(_) => false,
            None => matches!(number, "443" | "80"),
        };
        let authority = match port {
            _ if number.is_empty() || is_default => Cow::Borrowed(host),
            Some(port) if port != number => Cow::Owned(format!("{host}:{number}")),
            _ => Cow::Borrowed(authority),
        };
        Some(if authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(authority.to_ascii_lowercase())
        } else {
            authority
        })
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
