use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::header::Header;
use crate::{digest::Digest, headers};

/// What a run does with its input: its method, where it goes to, and the headers that all its requests have.
///
/// A [`Journal`](crate::Journal) is of one: what was sent to one place, or for one tenant, was not sent to
/// another. It keeps the method, and a digest of the URL and of the headers.
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
    /// Requests with this method to this URL, in which a name in braces, or whatever else is the same in each
    /// run, stands for what differs from row to row. With its query; userinfo does not count.
    pub fn new(method: Method, url: impl AsRef<str>) -> Self {
        Self { method, url: Digest::of(["url", &without_userinfo(url.as_ref())]), headers: HeaderMap::new() }
    }

    /// All requests have this header, too. One that carries a credential (by its name, as
    /// [`Redaction`](martello_log::Redaction) knows them, or because its value is marked as sensitive) does
    /// not count: it may be another in the next run.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        if !headers::is_credential(&name, &value) {
            self.headers.append(name, value);
        }
        self
    }

    /// All requests have these headers, too: see [`RunTarget::header`].
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

/// The URL without what stands before the `@` of its authority.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}
