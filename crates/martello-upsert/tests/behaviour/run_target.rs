//! A journal belongs to one input, method, URL and set of headers.

use std::path::Path;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use martello_upsert::{Journal, RunTarget, UpsertErrorKind};

const URL: &str = "https://api.example/orders/{id}?env=test";

fn with(target: RunTarget, headers: &[(&'static str, &'static str)]) -> RunTarget {
    headers.iter().fold(target, |target, (name, value)| {
        target.header(HeaderName::from_static(name), HeaderValue::from_static(value))
    })
}

async fn opens(path: &Path, input: &str, target: RunTarget) -> Result<(), (UpsertErrorKind, String)> {
    let opened = Journal::open(path, input, target).await;
    opened.map(drop).map_err(|error| (error.kind(), error.to_string().replace(path.to_str().unwrap(), "j")))
}

#[tokio::test]
async fn a_journal_of_another_run_is_refused_with_what_differs() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let begun = || with(RunTarget::new(Method::PUT, URL), &[("x-tenant", "A")]);
    opens(&path, "orders", begun()).await.unwrap();
    opens(&path, "orders", begun()).await.unwrap();
    let before = std::fs::read_to_string(&path).unwrap();
    assert!(before.contains("\"method\":\"PUT\"") && !before.contains("env=test"), "{before}");

    let other_url = || RunTarget::new(Method::PATCH, "https://api.example/orders/{id}?env=prod");
    for (input, target, kind, what) in [
        ("today", begun(), UpsertErrorKind::OtherInput, "another input"),
        ("orders", RunTarget::new(Method::PUT, URL), UpsertErrorKind::OtherTarget, "other headers"),
        (
            "orders",
            with(other_url(), &[("x-tenant", "A")]),
            UpsertErrorKind::OtherTarget,
            "another method (PUT) and another URL",
        ),
        (
            "today",
            other_url(),
            UpsertErrorKind::OtherInput,
            "another input, another method (PUT), another URL and other headers",
        ),
    ] {
        let sentence = format!(
            "the journal j belongs to a run with {what}: use another journal, or start the run as before"
        );
        assert_eq!(opens(&path, input, target).await, Err((kind, sentence)));
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[tokio::test]
async fn credentials_do_not_count_and_neither_does_the_order_of_names() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let begun = RunTarget::new(Method::PUT, "https://me:one@api.example/{id}");
    let begun = with(begun, &[("authorization", "Bearer one"), ("x-tenant", "A"), ("accept", "*/*")]);
    opens(&path, "orders", begun).await.unwrap();

    let mut headers = HeaderMap::new();
    let mut secret = HeaderValue::from_static("two");
    secret.set_sensitive(true);
    headers.insert("x-partner-token", secret);
    for (name, value) in [("accept", "*/*"), ("x-tenant", "A"), ("cookie", "two"), ("x-api-key", "two")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let again = RunTarget::new(Method::PUT, "https://api.example/{id}").headers(&headers);
    opens(&path, "orders", again).await.unwrap();
}
