use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use martello_outcome::RequestHead;

use crate::{OrderKey, StoredRequest};

/// The order key of an entry by the rule of [`OrderKey::by_target`], for a migration of a store that is older
/// than that rule. `method` and `url` are those of the entry's first request.
///
/// Returns `None` when the entry keeps its key: the caller chose it, or the old rule made the same one.
///
/// ```
/// # use martello_outbox::engine::rederived_order_key;
/// let key = rederived_order_key(Some("api.example:443/orders/1"), "PUT", "https://api.example:443/orders/1");
/// assert_eq!(key.unwrap().as_str(), "api.example/orders/1");
/// assert!(rederived_order_key(Some("mine"), "PUT", "https://api.example/orders/1").is_none());
/// ```
#[must_use]
pub fn rederived_order_key(key: Option<&str>, method: &str, url: &str) -> Option<OrderKey> {
    // A stored URL is absolute: its authority is in no header.
    let request = Request::builder().method(method).uri(url).body(()).ok()?;
    if key != old_key(request.uri()).as_ref().map(OrderKey::as_str) {
        return None;
    }
    OrderKey::by_target(RequestHead::from(&request)).filter(|new| key != Some(new.as_str()))
}

/// The key that the old rule made of the target of a PUT, PATCH or DELETE. It ignored the query, kept the
/// port as written, and gave no key to a target that was too long. Stores hold such keys, so it must not
/// change.
fn old_key(uri: &Uri) -> Option<OrderKey> {
    let host = uri.host()?.to_ascii_lowercase();
    let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
    OrderKey::new(format!("{host}{port}{}", uri.path())).ok()
}

/// The [authority](StoredRequest::authority) of a stored URL, for a migration; `None` if it does not parse.
#[must_use]
pub fn authority_of(url: &str) -> Option<String> {
    let (method, headers, body) = (Method::GET, HeaderMap::new(), Bytes::new());
    Some(StoredRequest { method, uri: url.parse().ok()?, headers, body, sealed: false }.authority())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rederived(key: Option<&str>, method: &str, url: &str) -> Option<String> {
        rederived_order_key(key, method, url).map(String::from)
    }

    #[test]
    fn only_keys_of_the_old_rule_are_rederived() {
        assert_eq!(rederived(Some("h:443/1"), "PUT", "https://H:443/1").as_deref(), Some("h/1"));
        assert!(rederived(Some("h/1"), "DELETE", "https://h/1?a").is_some_and(|key| key.starts_with("h/1?")));
        assert_eq!(
            rederived(Some("h/1"), "PUT", "http://h/1?a"),
            rederived(Some("h/1"), "PUT", "https://h/1?a")
        );
        let long = format!("https://h/{}", "a".repeat(600));
        assert!(rederived(None, "PATCH", &long).is_some_and(|key| key.len() == 512));
        assert_eq!(rederived(Some("h/1"), "PUT", "https://h/1"), None, "both rules give the same key");
        assert_eq!(rederived(Some("mine"), "PUT", "https://h:443/1"), None, "the caller chose the key");
        assert_eq!(rederived(None, "PUT", "https://h:443/1"), None, "the caller chose no key");
        assert_eq!(
            rederived(Some("h:443/1"), "POST", "https://h:443/1"),
            None,
            "only a caller gives a POST a key"
        );
        assert_eq!(rederived(None, "POST", &long), None);
        assert_eq!(rederived(Some("h/1"), "PUT", "no target"), None, "a corrupt URL is left alone");
    }
}
