//! The default order key of a request: its target.

use http::{Method, Request};
use martello_outbox::{MemoryStore, OrderKey, Outbox, StoreError, StoreErrorKind};
use martello_outcome::RequestHead;

use crate::support::{Api, deferred, put, send};

fn key(method: Method, uri: &str, host: Option<&str>) -> Option<String> {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    OrderKey::by_target(RequestHead::from(&request.body(()).unwrap())).map(String::from)
}

fn of(uri: &str) -> String {
    key(Method::PUT, uri, None).unwrap()
}

#[test]
fn one_resource_has_one_key_however_its_target_is_written() {
    assert_eq!(of("https://me:pw@API.example:8443/orders/1"), "api.example:8443/orders/1");
    for same in
        ["https://h:443/1", "https://H/1", "https://h:/1", "https://u@h:443/1", "http://h:80/1", "http://h/1"]
    {
        assert_eq!(of(same), "h/1", "{same}");
    }
    assert_eq!(of("https://h"), "h/");
    assert_eq!(of("https://[::1]:443/1"), "[::1]/1");
    assert_eq!(key(Method::DELETE, "https://h/1", None), key(Method::PATCH, "https://h:443/1", None));
    // The default port of the other scheme is a port like any other, and letter case counts in a path.
    assert_eq!(of("https://h:80/1"), "h:80/1");
    assert_eq!(of("http://h:443/1"), "h:443/1");
    assert_ne!(of("https://h/a"), of("https://h/A"));
}

#[test]
fn only_what_writes_a_resource_by_its_name_has_a_key() {
    for method in [Method::GET, Method::POST, Method::HEAD, Method::OPTIONS] {
        assert_eq!(key(method, "https://h/1", None), None);
    }
}

#[test]
fn an_origin_form_is_ordered_by_its_host_header() {
    let by_host = |host| key(Method::PUT, "/1", Some(host)).unwrap();
    for same in ["h", "H", "h:443", "h:80", "h:"] {
        assert_eq!(by_host(same), of("https://h/1"), "{same}");
    }
    assert_eq!(by_host("h:8080"), of("http://h:8080/1"));
    assert_eq!(key(Method::PUT, "/1?a", Some("h")).unwrap(), of("https://h/1?a"));
    assert_eq!(
        key(Method::PUT, "https://h/1", Some("other")).unwrap(),
        "h/1",
        "the target goes before the header"
    );
    assert_eq!(key(Method::PUT, "/1", None), None);
}

#[test]
fn each_query_has_a_key_of_its_own_and_none_is_in_clear() {
    let (a, b) = (of("https://h/1?id=secret-a"), of("https://h/1?id=secret-b"));
    assert_ne!(a, b);
    for key in [&a, &b] {
        assert!(key.starts_with("h/1?") && !key.contains("secret") && !key.contains("id="), "{key}");
    }
    for same in ["https://H:443/1?id=secret-a", "http://h/1?id=secret-a", "http://h:80/1?id=secret-a"] {
        assert_eq!(a, of(same), "{same}");
    }
    assert_ne!(a, of("https://h/1"));
    assert_eq!(of("https://h/1?"), of("https://h/1"), "nothing is no query");
}

/// It is stored: another version of this crate must make the same of it.
#[test]
fn a_digest_never_changes() {
    assert_eq!(of("https://h/1?id=a"), "h/1?59ed5f1a3ac05333576a4c4bce883beb");
    let long = of(&format!("https://h/{}", "a".repeat(600)));
    assert_eq!(long, format!("h/{}#8dac011d1587bf8cb7a51c0f8cd5ac98", "a".repeat(477)));
}

#[test]
fn a_long_target_is_ordered_by_a_digest_of_the_whole() {
    let long = |end: &str| of(&format!("https://h:443/{}{end}", "a".repeat(600)));
    assert!(long("").starts_with("h/aaa") && long("").len() == 512, "{}", long(""));
    assert_eq!(long(""), of(&format!("http://H/{}", "a".repeat(600))));
    let different = [long(""), long("b"), long("?id=a"), long("?id=b")];
    for (nth, one) in different.iter().enumerate() {
        assert!(different.iter().skip(nth + 1).all(|other| other != one), "{one}");
    }
    // The longest that is in clear, and the first that is not.
    let of_bytes = |bytes: usize| of(&format!("https://h/{}", "a".repeat(bytes - 2)));
    assert_eq!(of_bytes(512), format!("h/{}", "a".repeat(510)));
    assert_ne!(of_bytes(513), format!("h/{}", "a".repeat(511)));
    // A character is cut off whole, and what a key cannot have in clear is left out.
    for odd in [
        format!("https://h/{}", "é".repeat(400)),
        format!("https://h/a{}", "é".repeat(400)),
        "https://h/\u{85}1".into(),
    ] {
        assert!(key(Method::PUT, &odd, None).is_some(), "{odd}");
    }
    assert_ne!(of("https://h/\u{85}1"), of("https://h/\u{86}1"));
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_holds_back_its_own_query_and_no_other() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([503]);
    deferred(send(&outbox, &api, put("/orders?id=a")).await);
    assert!(send(&outbox, &api, put("/orders?id=b")).await.answered().is_some());
    let mut same = put("/orders?id=a");
    *same.uri_mut() = "https://api.example:443/orders?id=a".parse().unwrap();
    deferred(send(&outbox, &api, same).await);
    assert_eq!(api.seen().len(), 2);
}

#[test]
fn a_key_for_people_does_not_steer_their_terminal() {
    let key = OrderKey::new("h/\u{202e}1\u{2028}").unwrap();
    assert_eq!(key.as_str(), "h/\u{202e}1\u{2028}");
    assert_eq!(key.to_string(), "h/\\u{202e}1\\u{2028}");
    assert_eq!(format!("{:>8}|", OrderKey::new("h/1").unwrap()), "     h/1|");
    let error = StoreError::new(StoreErrorKind::Unusable, "/tmp/\u{1b}[2J/outbox.db is none");
    assert_eq!(error.to_string(), "/tmp/\\u{1b}[2J/outbox.db is none");
}
