use std::fmt;

use bytes::Bytes;
use http::{Method, Request, Uri, header, uri::Authority};
use martello_outbox::OrderKey;
use martello_outcome::default_port;
use serde::{Deserialize, Serialize};

use crate::{digest::Digest, headers};

/// Identifies the resource whose whole state a request carries. A newer request with the same value
/// supersedes an older one.
///
/// A key only orders requests: different targets may have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct State(Digest);

impl State {
    /// The target of a PUT or DELETE, and the headers that identify its resource. `None` for a PATCH, a POST
    /// or a PUT of a range (RFC 9110 §14.5), which carry only a part.
    pub(crate) fn by_target(request: &Request<Bytes>) -> Option<Self> {
        let (uri, lines) = (request.uri(), request.headers());
        let writes_all = [Method::PUT, Method::DELETE].contains(request.method());
        if !writes_all || lines.contains_key(header::CONTENT_RANGE) {
            return None;
        }
        let named = lines.get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        // The two may differ: the request goes to the URL's authority, and `Host` selects a resource there.
        let authority = uri.authority().or(named.as_ref()).map(|authority| normalised(authority, uri));
        let host = named.as_ref().or(uri.authority()).map(|authority| normalised(authority, uri));
        let parts = [
            "target",
            uri.scheme_str().unwrap_or_default(),
            &authority.unwrap_or_default(),
            &host.unwrap_or_default(),
            uri.path(),
            if uri.query().is_some() { "?" } else { "" },
            uri.query().unwrap_or_default(),
            &headers::of_the_resource(lines).to_string(),
        ];
        Some(Self(Digest::of(parts)))
    }

    /// The whole state of a key, with `key_by` and `latest_wins`.
    pub(crate) fn by_key(key: &OrderKey) -> Self {
        Self(Digest::of(["key", key.as_str()]))
    }
}

/// The host in lower case, and the port if it is not the scheme's default. Journals keep digests of this
/// form, so it stays apart from `HostPort::canonical`: it keeps a port 0, and every port if there is no
/// scheme.
fn normalised(authority: &Authority, uri: &Uri) -> String {
    let host = authority.host().to_ascii_lowercase();
    match authority.port_u16() {
        Some(port) if Some(port) != default_port(uri.scheme_str()) => format!("{host}:{port}"),
        _ => host,
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(method: Method, uri: &str) -> Option<State> {
        let request = Request::builder().method(method).uri(uri).header("host", "API.example:443");
        State::by_target(&request.body(Bytes::new()).unwrap())
    }

    #[test]
    fn one_target_has_one_state_however_it_is_written() {
        let put = state(Method::PUT, "https://api.example/orders?id=a");
        assert!(put.is_some());
        for same in ["https://API.example:443/orders?id=a", "https://me:pw@api.example:/orders?id=a"] {
            assert_eq!(state(Method::DELETE, same), put, "{same}");
        }
        for other in [
            "http://api.example/orders?id=a",
            "https://api.example:8443/orders?id=a",
            "https://api.example/orders?id=b",
            "https://api.example/orders?id=A",
            "https://api.example/orders?",
            "https://api.example/orders",
        ] {
            assert_ne!(state(Method::PUT, other), put, "{other}");
        }
        assert_ne!(state(Method::PUT, "/orders"), state(Method::PUT, "/orders?"));
        assert_eq!(state(Method::PATCH, "https://api.example/orders?id=a"), None);
        assert_eq!(state(Method::POST, "https://api.example/orders?id=a"), None);
    }
}
