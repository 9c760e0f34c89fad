//! What a request is ordered by, if nobody says.

use http::Method;
use martello_outcome::RequestHead;

use crate::OrderKey;

impl OrderKey {
    /// Authority and path of what writes a resource by its name: PUT, PATCH and DELETE. What orders a request if nobody
    /// says.
    ///
    /// Two requests to different queries of one path write the same resource; a path that is too long for a key is no
    /// resource that anybody writes twice.
    #[must_use]
    pub fn by_target(head: RequestHead<'_>) -> Option<Self> {
        if ![Method::PUT, Method::PATCH, Method::DELETE].contains(head.method) {
            return None;
        }
        let host = head.uri.host()?.to_ascii_lowercase();
        let port = head.uri.port().map_or(String::new(), |port| format!(":{port}"));
        Self::new(format!("{host}{port}{}", head.uri.path())).ok()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn key(method: Method, uri: &str) -> Option<String> {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        OrderKey::by_target(RequestHead::from(&request)).map(String::from)
    }

    #[test]
    fn one_resource_has_one_key() {
        let put = key(Method::PUT, "https://me:pw@API.example:8443/orders/1?a=b");
        assert_eq!(put.as_deref(), Some("api.example:8443/orders/1"));
        assert_eq!(put, key(Method::DELETE, "https://api.example:8443/orders/1"));
        assert_eq!(key(Method::POST, "https://api.example/orders"), None);
        assert_eq!(key(Method::PUT, &format!("https://api.example/{}", "a".repeat(600))), None);
    }
}
