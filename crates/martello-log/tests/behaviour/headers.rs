//! Headers that are shown, and those that never are.

use http::{HeaderName, HeaderValue, Response};
use martello_log::{LogLayer, MaskedValue, Redaction};
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt};

use crate::support::{Recorder, answering, put};

const ALWAYS_HIDDEN: [&str; 23] = [
    "api-key",
    "apikey",
    "authentication-info",
    "authorization",
    "cookie",
    "cookie2",
    "ocp-apim-subscription-key",
    "private-token",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-api-token",
    "x-auth-token",
    "x-csrf-token",
    "x-forwarded-authorization",
    "x-functions-key",
    "x-goog-api-key",
    "x-vault-token",
    "x-xsrf-token",
];

fn masked(name: &'static str, value: &'static str) -> String {
    let name = HeaderName::from_static(name);
    let value = HeaderValue::from_static(value);
    Redaction::default().value(&name, &value).to_string()
}

#[tokio::test]
async fn chosen_headers_are_shown_and_secret_ones_masked() {
    let recorder = Recorder::new();
    let log = LogLayer::builder()
        .request_headers(["If-Match", "authorization", "x-signed", "x-tenant", "absent"])
        .response_headers(["retry-after", "set-cookie", "x-many"])
        .hide_headers(["X-Tenant"])
        .build_calls()
        .unwrap();
    let mut request = put("");
    let mut signed = HeaderValue::from_static("secret");
    signed.set_sensitive(true);
    request.headers_mut().insert("x-signed", signed);
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer secret"));
    request.headers_mut().insert("x-tenant", HeaderValue::from_static("secret"));
    request.headers_mut().insert("x-other", HeaderValue::from_static("not asked for"));
    request.headers_mut().insert("if-match", HeaderValue::from_static("W/\"24\""));
    let client = answering(|| {
        let response = Response::builder().header("retry-after", "5").header("set-cookie", "secret");
        let response = (0..20).fold(response, |response, line| response.header("x-many", line));
        response.body(ScriptedBody::new()).unwrap()
    });
    drop(log.layer(client).oneshot(request).await.unwrap());

    let event = recorder.event();
    let request = r#"if-match: "W/\"24\"", authorization: ***, x-signed: ***, x-tenant: ***"#;
    assert_eq!(event.get("request_headers"), Some(request));
    let response = event.get("response_headers").unwrap();
    assert!(response.starts_with(r#"retry-after: "5", set-cookie: ***, x-many: "0","#), "{response}");
    assert!(response.ends_with(r#"x-many: "7""#), "{response}");
}

#[test]
fn credentials_are_hidden_whatever_is_asked_for() {
    let redaction = Redaction::default();
    for name in ALWAYS_HIDDEN {
        assert!(redaction.hides(&HeaderName::from_static(name)), "{name}");
        assert_eq!(masked(name, "secret"), "***");
    }
    assert!(!redaction.hides(&http::header::ETAG));
}

#[test]
fn urls_in_headers_are_masked_as_urls() {
    let link = "https://me:secret@api.example/a?key=secret";
    for name in ["location", "content-location", "referer"] {
        assert_eq!(masked(name, link), r#""https://api.example/a?key=***""#);
    }
    // RFC 3986 §4.2: a path for `Uri`, a host for a client that follows it.
    assert_eq!(
        masked("location", "//me:secret@api.example/a@b?key=secret"),
        r#""//api.example/a@b?key=***""#
    );
    assert_eq!(masked("location", "///secret@api.example"), r#""///api.example""#);
    assert!(!masked("location", r"/\me:secret@api.example").contains("secret"));
    assert_eq!(masked("location", "/teams/me@api.example"), r#""/teams/me@api.example""#);
    assert_eq!(masked("link", "</a?key=secret>; rel=next"), "***");
    assert_eq!(masked("refresh", "5; url=/a?key=secret"), "***");
}

#[test]
fn a_long_value_is_cut() {
    let text = masked("etag", "a".repeat(65_000).leak());
    assert_eq!(text.len(), MaskedValue::MAX + "\"…\"".len());
}

#[test]
fn even_debug_shows_no_secret() {
    let name = HeaderName::from_static("cookie");
    let value = HeaderValue::from_static("secret");
    assert_eq!(format!("{:?}", Redaction::default().value(&name, &value)), "***");
}

#[test]
fn urls_in_any_header_are_masked() {
    let link = "https://me:secret@api.example/a?key=secret";
    assert_eq!(masked("x-callback-url", link), r#""https://***@api.example/a?key=***""#);
    assert_eq!(masked("alt-svc", "h2=\":443\""), r#""h2=\":443\"""#);
    let value = HeaderValue::from_bytes(b"\xff https://me:secret@h/?secret").unwrap();
    let name = HeaderName::from_static("x-note");
    let shown = Redaction::default().value(&name, &value).to_string();
    assert!(shown.ends_with(" https://***@h/?***\""), "{shown}");
}

#[test]
fn what_is_called_a_secret_is_one() {
    let redaction = Redaction::default();
    for name in [
        "x-orders-token",
        "deploy-token",
        "x-client-secret",
        "acme-api-key",
        "x-acme-apikey",
        "x-hub-signature",
        "stripe-signature",
        "x-db-password",
        "x-amz-access-key",
        "x_api_key",
        "signature",
        "token",
    ] {
        assert!(redaction.hides(&HeaderName::from_static(name)), "{name}");
    }
    // They name something and are not credentials.
    for name in [
        "idempotency-key",
        "x-partition-key",
        "sec-websocket-key",
        "signature-input",
        "tokens",
        "x-token-type",
    ] {
        assert!(!redaction.hides(&HeaderName::from_static(name)), "{name}");
    }
}

#[test]
fn what_is_secret_is_the_users_to_say_but_for_credentials() {
    let hides = |redaction: &Redaction, name| redaction.hides(&HeaderName::from_static(name));
    let redaction = Redaction::default();
    let redaction = redaction.hide_ending("-KEY").unwrap().show_header("X-Continuation-Token").unwrap();
    assert!(hides(&redaction, "x-tenant-key") && hides(&redaction, "x-other-token"));
    assert!(!hides(&redaction, "x-continuation-token") && !hides(&redaction, "key"));
    let redaction = redaction.show_header("idempotency-key").unwrap();
    assert!(!hides(&redaction, "idempotency-key"));
    let redaction = redaction.hide_header("idempotency-key").unwrap();
    assert!(hides(&redaction, "idempotency-key"), "what is hidden by name is hidden");
    for name in ALWAYS_HIDDEN {
        assert!(Redaction::default().show_header(name).is_err(), "{name}");
    }
    assert!(
        Redaction::default().hide_ending("a b").is_err() && Redaction::default().hide_ending("").is_err()
    );
}

/// The names of some large providers, with endings that are not in the list.
#[test]
fn credentials_of_known_apis_are_secret_by_their_names() {
    let redaction = Redaction::default();
    for name in [
        "x-auth-key",
        "x-rapidapi-key",
        "dd-application-key",
        "x-apim-subscription-key",
        "x-ms-copy-source-authorization",
        "x-amz-server-side-encryption-customer-key",
        "x-ms-encryption-key",
        "x-jwt",
        "x-goog-iap-jwt-assertion",
        "x-passwd",
        "x-hub-signature-256",
    ] {
        assert!(redaction.hides(&HeaderName::from_static(name)), "{name}");
    }
    for name in ["idempotency-key", "x-partition-key", "x-customer-key", "x-auth-email"] {
        assert!(!redaction.hides(&HeaderName::from_static(name)), "{name}");
    }
}
