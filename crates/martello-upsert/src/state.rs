use std::fmt;

use bytes::Bytes;
use http::{Method, Request, Uri, header, uri::Authority};
use martello_outbox::OrderKey;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a request carries the whole state of. Of two with the same, the later takes the place of the earlier, and nothing is
/// lost if the earlier is not sent.
///
/// A key only orders: targets that differ may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct State(Digest);

impl State {
    /// The whole target, for what writes all of it: PUT and DELETE. A PATCH or a POST carries a part.
    pub(crate) fn by_target(request: &Request<Bytes>) -> Option<Self> {
        if ![Method::PUT, Method::DELETE].contains(request.method()) {
            return None;
        }
        let uri = request.uri();
        let named = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
        let authority = uri.authority().or(named.as_ref());
        let authority = authority.map(|authority| normalised(authority, uri)).unwrap_or_default();
        let scheme = uri.scheme_str().unwrap_or_default();
        let query = uri.query();
        let has_query = if query.is_some() { "?" } else { "" };
        let parts = ["target", scheme, &authority, uri.path(), has_query, query.unwrap_or_default()];
        Some(Self(Digest::of(parts)))
    }

    /// All of this key, where its user says that the latest wins.
    pub(crate) fn by_key(key: &OrderKey) -> Self {
        Self(Digest::of(["key", key.as_str()]))
    }
}

/// The host in lower case, and the port if it is not the scheme's own.
fn normalised(authority: &Authority, uri: &Uri) -> String {
    let host = authority.host().to_ascii_lowercase();
    match (authority.port_u16(), uri.scheme_str()) {
        (None, _) | (Some(80), Some("http")) | (Some(443), Some("https")) => host,
        (Some(port), _) => format!("{host}:{port}"),
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
