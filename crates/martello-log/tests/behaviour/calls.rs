//! The event of a call.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use http::Request;
use http_body_util::BodyExt;
use martello_log::LogLayer;
use martello_outcome::{Attempt, Attempts, CallNotes, CallerId, Outcome, TrackingId};
use tower::{Layer, ServiceExt, service_fn};
use tracing::Level;

use crate::support::{Recorder, answering, get, put, status};

fn attempt(number: u32, outcome: Outcome, id: &str) -> Attempt {
    let mut attempt = Attempt::new(number, SystemTime::UNIX_EPOCH, outcome);
    attempt.tracking_id = id.parse().ok();
    attempt
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_success_has_no_empty_fields() {
    let recorder = Recorder::new();
    let client = LogLayer::calls().layer(answering(|| status(200)));
    client.oneshot(get("https://api.example/orders")).await.unwrap().into_body().collect().await.unwrap();

    let event = recorder.event();
    assert_eq!((event.target, event.level), ("martello::call", Level::INFO));
    let expected = [
        ("body_end", "complete"),
        ("head_ms", "0"),
        ("http.request.method", "GET"),
        ("http.response.body.size", "8"),
        ("http.response.status_code", "200"),
        ("outcome", "success"),
        ("server.address", "api.example"),
        ("total_ms", "0"),
        ("url.full", "https://api.example/orders"),
    ];
    assert_eq!(event.fields, expected.map(|(name, value)| (name, value.to_owned())).into());
}

#[tokio::test(start_paused = true)]
async fn the_event_of_a_call_has_its_attempts() {
    let recorder = Recorder::new();
    let inner = service_fn(async |request: Request<_>| {
        let notes = CallNotes::of(request.extensions()).unwrap();
        notes.attempt(3);
        notes.waited_for_permit(Duration::from_millis(7));
        notes.waited_for_retry(Duration::from_millis(150));
        tokio::time::sleep(Duration::from_millis(250)).await;
        let mut response = status(200);
        let attempts = vec![
            attempt(1, Outcome::Unavailable, "first"),
            attempt(2, Outcome::Unavailable, "second"),
            attempt(3, Outcome::Success, "third"),
        ];
        response.extensions_mut().insert(Attempts::from(attempts));
        response.extensions_mut().insert("third".parse::<TrackingId>().unwrap());
        Ok::<_, Infallible>(response)
    });
    let mut request = put("order");
    request.extensions_mut().insert("ours".parse::<CallerId>().unwrap());
    let response = LogLayer::calls().layer(inner).oneshot(request).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    response.into_body().collect().await.unwrap();

    let event = recorder.event();
    assert_eq!(event.get("attempts"), Some("3"));
    assert_eq!(event.get("wait_permit_ms"), Some("7"));
    assert_eq!(event.get("wait_retry_ms"), Some("150"));
    assert_eq!(event.get("tracking_id"), Some("third"));
    assert_eq!(event.get("earlier_tracking_ids"), Some("first,second"));
    assert_eq!(event.get("caller_id"), Some("ours"));
    assert_eq!(event.get("http.request.body.size"), Some("5"));
    assert_eq!(event.get("head_ms"), Some("250"));
    assert_eq!(event.get("total_ms"), Some("300"));
}

#[tokio::test]
async fn many_earlier_ids_are_cut_short() {
    let recorder = Recorder::new();
    let inner = answering(|| {
        let attempts = (1..=30).map(|number| attempt(number, Outcome::Success, &format!("id-{number}")));
        let mut response = status(200);
        response.extensions_mut().insert(Attempts::from(attempts.collect::<Vec<_>>()));
        response
    });
    drop(LogLayer::calls().layer(inner).oneshot(put("")).await.unwrap());

    let event = recorder.event();
    assert!(event.get("earlier_tracking_ids").unwrap().ends_with(",id-16,…"));
    assert_eq!(event.get("tracking_id"), Some("id-30"));
    assert_eq!(event.get("attempts"), Some("30"));
}

#[tokio::test]
async fn the_outcome_that_a_retry_layer_decided_stands() {
    let recorder = Recorder::new();
    let inner = answering(|| {
        let mut response = status(502);
        let attempts = vec![attempt(1, Outcome::Unavailable, "one")];
        response.extensions_mut().insert(Attempts::from(attempts));
        response
    });
    drop(LogLayer::calls().layer(inner).oneshot(put("")).await.unwrap());
    assert_eq!(recorder.event().get("outcome"), Some("unavailable"));
}

#[tokio::test]
async fn a_callers_id_can_be_found_elsewhere() {
    let recorder = Recorder::new();
    let log = LogLayer::builder().caller_id_with(|extensions| extensions.get::<&str>()?.parse().ok());
    let calls = log.build_calls().unwrap();
    let mut request = put("");
    request.extensions_mut().insert("theirs");
    drop(calls.layer(answering(|| status(200))).oneshot(request).await.unwrap());
    assert_eq!(recorder.event().get("caller_id"), Some("theirs"));
}

#[tokio::test]
async fn each_call_has_notes_of_its_own() {
    let recorder = Recorder::new();
    let inner = service_fn(async |request: Request<_>| {
        CallNotes::of(request.extensions()).unwrap().attempt(2);
        Ok::<_, Infallible>(status(200))
    });
    let others = CallNotes::default();
    others.attempt(9);
    let mut request = put("");
    request.extensions_mut().insert(others);
    drop(LogLayer::calls().layer(inner).oneshot(request).await.unwrap());
    assert_eq!(recorder.event().get("attempts"), Some("2"));
}
