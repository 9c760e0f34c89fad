use http::{HeaderMap, HeaderName, HeaderValue, Method};
use martello_outcome::strip_userinfo;

use super::header::Header;
use crate::{digest::Digest, headers};

/// The target of a run: the method, the URL, and the headers of all its requests.
///
/// A [`Journal`](crate::Journal) belongs to one target, because an entity that was sent to one target or
/// tenant was not sent to another. It stores the method, and digests of the URL and the headers.
///
/// ```
/// use http::{HeaderName, HeaderValue, Method};
/// use martello_upsert::RunTarget;
///
/// let target = RunTarget::new(Method::PUT, "https://api.example/orders/{id}?env=test")
///     .header(HeaderName::from_static("x-tenant"), HeaderValue::from_static("A"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a journal is opened for it"]
pub struct RunTarget {
    method: Method,
    url: Digest,
    headers: HeaderMap,
}

impl RunTarget {
    /// A target with this method and URL. Use a name in braces, or any other fixed text, for the parts that
    /// differ between rows. The query counts, and userinfo does not.
    pub fn new(method: Method, url: impl AsRef<str>) -> Self {
        Self { method, url: Digest::of(["url", &without_userinfo(url.as_ref())]), headers: HeaderMap::new() }
    }

    /// Adds a header of all requests. A credential is ignored, because the next run may have another one: a
    /// header that [`Redaction`](martello_log::Redaction) masks, or whose value is marked as sensitive.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if !headers::is_credential(&name, &value) {
            self.headers.append(name, value);
        }
        self
    }

    /// Adds headers of all requests, as [`RunTarget::header`] does.
    ///
    /// ```
    /// use http::{HeaderMap, HeaderValue, Method};
    /// use martello_upsert::RunTarget;
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("x-tenant", HeaderValue::from_static("A"));
    /// let target = RunTarget::new(Method::PUT, "https://api.example/orders/{id}").headers(&headers);
    /// ```
    pub fn headers(mut self, headers: &HeaderMap) -> Self {
        for (name, value) in headers {
            self = self.header(name.clone(), value.clone());
        }
        self
    }

    pub(super) fn of_input(&self, input: &str) -> Header {
        let headers = headers::digest(self.headers.iter());
        Header::new(input, self.method.as_str(), self.url, headers)
    }
}

/// The URL without userinfo.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    format!("{scheme}://{}{path}", strip_userinfo(authority))
}
