//! The event of an attempt, and what an attempt reports to its call.

use http::Request;
use http_body_util::BodyExt;
use martello_log::LogLayer;
use martello_outcome::{AttemptNumber, CallNotes, TrackingId};
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Level, level_filters::LevelFilter};

use crate::support::{Recorder, answering, put, status};

fn third() -> (Request<http_body_util::Full<bytes::Bytes>>, CallNotes) {
    let mut request = put("order");
    let notes = CallNotes::default();
    request.extensions_mut().insert(notes.clone());
    request.extensions_mut().insert(AttemptNumber(3));
    (request, notes)
}

#[tokio::test(start_paused = true)]
async fn the_event_of_an_attempt_has_its_number() {
    let recorder = Recorder::new();
    let (request, notes) = third();
    let client = LogLayer::attempts().layer(answering(|| {
        let mut response = status(200);
        response.extensions_mut().insert("5f1c-77".parse::<TrackingId>().unwrap());
        response
    }));
    client.oneshot(request).await.unwrap().into_body().collect().await.unwrap();

    let event = recorder.event();
    assert_eq!((event.target, event.level), ("martello::attempt", Level::DEBUG));
    assert_eq!(event.get("http.request.resend_count"), Some("2"));
    assert_eq!(event.get("tracking_id"), Some("5f1c-77"));
    assert_eq!(event.get("http.request.body.size"), Some("5"));
    assert_eq!(event.get("http.response.body.size"), Some("8"));
    assert_eq!(event.get("attempts"), None);
    assert_eq!(notes.attempts(), 3);
}

#[tokio::test]
async fn the_first_attempt_does_not_count_itself() {
    let recorder = Recorder::new();
    drop(LogLayer::attempts().layer(answering(|| status(200))).oneshot(put("")).await.unwrap());
    let names = recorder.event().names();
    assert!(!names.contains(&"http.request.resend_count"));
    assert!(!names.contains(&"http.request.body.size"));
}

#[tokio::test]
async fn an_attempt_without_an_event_is_reported_to_its_call() {
    let recorder = Recorder::at(LevelFilter::OFF);
    let (request, notes) = third();
    drop(LogLayer::attempts().layer(answering(|| status(200))).oneshot(request).await.unwrap());
    assert_eq!(notes.attempts(), 3);
    assert!(recorder.events().is_empty());
}

#[tokio::test]
async fn the_notes_of_the_call_go_on_to_the_layers_inside() {
    let recorder = Recorder::new();
    let (request, notes) = third();
    let inner = service_fn(async |request: Request<_>| {
        CallNotes::of(request.extensions()).unwrap().attempt(7);
        Ok::<_, std::convert::Infallible>(status(200))
    });
    drop(LogLayer::attempts().layer(inner).oneshot(request).await.unwrap());
    assert_eq!(notes.attempts(), 7);
    recorder.event();
}

#[tokio::test]
async fn a_layer_that_is_off_writes_nothing() {
    let recorder = Recorder::new();
    let (request, notes) = third();
    drop(LogLayer::off().layer(answering(|| status(200))).oneshot(request).await.unwrap());
    assert_eq!(notes.attempts(), 0);
    assert!(recorder.events().is_empty());
}

#[tokio::test]
async fn a_call_without_a_retry_layer_knows_its_attempts_all_the_same() {
    let recorder = Recorder::new();
    let inner = LogLayer::attempts().layer(answering(|| status(200)));
    let mut request = put("");
    request.extensions_mut().insert(AttemptNumber(2));
    drop(LogLayer::calls().layer(inner).oneshot(request).await.unwrap());
    let events = recorder.events();
    assert_eq!(events[1].get("attempts"), Some("2"));
}
