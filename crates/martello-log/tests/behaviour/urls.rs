//! Secrets in URLs.

use http::Uri;
use martello_log::{LogLayer, MaskedUrl, Redaction};
use tower::{Layer, Service, ServiceExt};

use crate::support::{Recorder, answering, get, status};

#[track_caller]
fn masked(uri: &str) -> String {
    let uri = uri.parse::<Uri>().unwrap();
    Redaction::default().show_query("limit").show_query("wsdl").url(&uri).to_string()
}

#[test]
fn userinfo_is_removed() {
    assert_eq!(masked("https://me:secret@api.example:8443/a"), "https://api.example:8443/a");
    assert_eq!(masked("https://secret@[::1]/a"), "https://[::1]/a");
}

#[test]
fn query_values_are_masked_but_those_allowed_by_name() {
    assert_eq!(masked("https://api.example/a?limit=5&key=secret"), "https://api.example/a?limit=5&key=***");
    assert_eq!(masked("/a?Limit=5&limit=&x="), "/a?Limit=***&limit=&x=***");
    assert_eq!(masked("/a?limit=a=b&c=secret=more"), "/a?limit=a=b&c=***");
}

#[test]
fn a_parameter_without_a_name_may_be_a_token() {
    assert_eq!(masked("/a?secret"), "/a?***");
    assert_eq!(masked("/a?wsdl&secret"), "/a?wsdl&***");
    assert_eq!(masked("/a?&&limit=1&"), "/a?&&limit=1&");
}

#[test]
fn nothing_hides_behind_a_semicolon_or_an_escape() {
    assert_eq!(masked("/a?limit=5;key=secret"), "/a?limit=5;key=***");
    assert_eq!(masked("/a?%6Cimit=5"), "/a?%6Cimit=***");
}

#[test]
fn other_forms_of_targets_pass() {
    assert_eq!(masked("*"), "*");
    assert_eq!(masked("api.example:443"), "api.example:443");
    assert_eq!(masked("https://api.example"), "https://api.example/");
    assert_eq!(masked("https://api.example?key=secret"), "https://api.example/?key=***");
    assert_eq!(masked("https://api.example?"), "https://api.example/?");
}

#[test]
fn a_long_url_is_cut() {
    let text = masked(&format!("https://api.example/{}", "a".repeat(50_000)));
    assert!(text.len() <= MaskedUrl::MAX + '…'.len_utf8());
    assert!(text.ends_with("a…"));
}

#[test]
fn masks_make_no_url_longer_than_its_bound() {
    for parameters in [1, 100, 250, 255, 260, 500, 600, 10_000] {
        let text = masked(&format!("/?{}", ["b"].repeat(parameters).join("&")));
        let (whole, bound) = (1 + 4 * parameters, MaskedUrl::MAX);
        let length = if whole > bound { bound + '…'.len_utf8() } else { whole };
        assert_eq!(text.len(), length, "{parameters}");
    }
}

#[test]
fn what_is_not_plain_is_escaped_wherever_it_stands() {
    assert_eq!(masked(r#"https://api.example/"a"#), r#"https://api.example/\"a"#);
    assert_eq!(masked(r"https://api.example/a?limit=\5"), r"https://api.example/a?limit=\\5");
}

#[test]
fn nothing_follows_the_cut() {
    let uri = format!("http://h/{}?n\u{1d11e}=secret", "a".repeat(2_034));
    let shown = masked(&uri);
    assert!(shown.ends_with('…'), "{}", &shown[2_030..]);
}

#[tokio::test]
async fn no_field_holds_what_the_url_hides() {
    let recorder = Recorder::new();
    let log = LogLayer::builder().show_query(["limit"]);
    let (calls, attempts) = (log.clone().build_calls().unwrap(), log.build_attempts().unwrap());
    let client = calls.layer(attempts.layer(answering(|| status(503))));
    drop(client.oneshot(get("https://secret:secret@api.example/a?key=secret&limit=9")).await.unwrap());

    let written = [recorder.events(), recorder.spans()].concat();
    assert_eq!(written.len(), 3);
    assert!(!format!("{written:?}").contains("secret"));
    assert_eq!(written[0].get("url.full"), Some("https://api.example/a?key=***&limit=9"));
}

#[tokio::test]
async fn debug_holds_neither_password_nor_query() {
    let _recorder = Recorder::new();
    let uri = "https://me:secret@api.example/a?key=secret";
    let mut service = LogLayer::calls().layer(answering(|| status(200)));
    let future = service.ready().await.unwrap().call(get(uri));
    assert!(!format!("{future:?}").contains("secret"), "{future:?}");
    let response = future.await.unwrap();
    assert!(!format!("{response:?}").contains("secret"), "{response:?}");

    let (redaction, uri) = (Redaction::default(), Uri::from_static(uri));
    assert_eq!(format!("{:?}", redaction.url(&uri)), "https://api.example/a?key=***");
}
