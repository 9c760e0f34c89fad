//! What entries were ordered by before, for the engines, whose older stores have keys of that rule.

use http::{Request, Uri};
use martello_outcome::RequestHead;

use crate::OrderKey;

impl OrderKey {
    /// The key of an entry in a store of before [`OrderKey::by_target`]'s rule, from its first request:
    /// `None` if it keeps what it has, because that is the caller's own, or the same.
    ///
    /// It is for engines that bring an older schema forward.
    #[doc(hidden)]
    #[must_use]
    pub fn rederived(key: Option<&str>, method: &str, url: &str) -> Option<Self> {
        // What is stored has an absolute target: its authority is in no header.
        let request = Request::builder().method(method).uri(url).body(()).ok()?;
        if key != formerly(request.uri()).as_ref().map(Self::as_str) {
            return None;
        }
        Self::by_target(RequestHead::from(&request)).filter(|now| key != Some(now.as_str()))
    }
}

/// What the rule of before made of the target of a PUT, PATCH or DELETE: a query did not count, a port as it
/// was written did, and what was too long had no key. Stores have what came of it, so it must not change.
fn formerly(uri: &Uri) -> Option<OrderKey> {
    let host = uri.host()?.to_ascii_lowercase();
    let port = uri.port().map_or(String::new(), |port| format!(":{port}"));
    OrderKey::new(format!("{host}{port}{}", uri.path())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rederived(key: Option<&str>, method: &str, url: &str) -> Option<String> {
        OrderKey::rederived(key, method, url).map(String::from)
    }

    #[test]
    fn only_what_the_rule_of_before_made_is_made_again() {
        assert_eq!(rederived(Some("h:443/1"), "PUT", "https://H:443/1").as_deref(), Some("h/1"));
        assert!(rederived(Some("h/1"), "DELETE", "https://h/1?a").is_some_and(|key| key.starts_with("h/1?")));
        assert_eq!(
            rederived(Some("h/1"), "PUT", "http://h/1?a"),
            rederived(Some("h/1"), "PUT", "https://h/1?a")
        );
        let long = format!("https://h/{}", "a".repeat(600));
        assert!(rederived(None, "PATCH", &long).is_some_and(|key| key.len() == 512));
        assert_eq!(rederived(Some("h/1"), "PUT", "https://h/1"), None, "it is the same");
        assert_eq!(rederived(Some("mine"), "PUT", "https://h:443/1"), None, "it is the caller's");
        assert_eq!(rederived(None, "PUT", "https://h:443/1"), None, "the caller wanted none");
        assert_eq!(rederived(Some("h:443/1"), "POST", "https://h:443/1"), None, "it had to be the caller's");
        assert_eq!(rederived(None, "POST", &long), None);
        assert_eq!(rederived(Some("h/1"), "PUT", "no target"), None, "it is damaged, and not to be touched");
    }
}
