//! Responses that are returned only after their body was read.

use std::time::Duration;

use crate::support::{Answer, Script, request, seconds};
use http_body_util::BodyExt;
use martello_outcome::{Attempts, ErrorKind, Outcome, TrackingId};
use martello_retry::{RetryBuilder, RetryLayer};
use martello_testkit::ScriptedBody;
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

fn whole() -> RetryBuilder {
    let ms = Duration::from_millis(1);
    RetryLayer::builder().backoff(ms, ms).whole_responses(1024)
}

fn good() -> Answer {
    Answer::body(200, ScriptedBody::new().data("al").data("l ").data("there").end())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_truncated_is_a_failed_attempt() {
    let broken = Answer::body(200, ScriptedBody::new().data("al").error("reset"));
    let script = Script::new([broken, good()]);
    let response = whole().build().unwrap().layer(script.clone()).oneshot(request("GET")).await.unwrap();
    let attempts = Attempts::of(&response).unwrap();
    assert_eq!((attempts.len(), attempts[0].outcome), (2, Outcome::Ambiguous));
    assert_eq!(attempts[0].status.map(|status| status.as_u16()), Some(200));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "all there");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_a_failed_attempt() {
    let stalled = Answer::body(200, ScriptedBody::new().data("al").wait());
    let script = Script::new([stalled, good()]);
    let start = Instant::now();
    let response = whole().build().unwrap().layer(script.clone()).oneshot(request("GET")).await.unwrap();
    assert_eq!((start.elapsed().as_secs(), script.attempts()), (30, 2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "all there");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_shorter_than_declared_is_a_failed_attempt() {
    let short = ScriptedBody::new().data("al").end().claim_size(http_body::SizeHint::with_exact(9));
    let script = Script::new([Answer::body(200, short), good()]);
    whole().build().unwrap().layer(script.clone()).oneshot(request("GET")).await.unwrap();
    assert_eq!(script.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_post_with_a_truncated_response_is_not_retried() {
    let script = Script::new([Answer::body(200, ScriptedBody::new().data("al").error("reset"))]);
    let error = whole().build().unwrap().layer(script.clone()).oneshot(request("POST")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Body, Outcome::Ambiguous));
    assert_eq!((script.attempts(), error.last_status().unwrap().as_u16()), (1, 200));
}

#[tokio::test(start_paused = true)]
async fn a_body_larger_than_the_cap_fails_the_call_at_once() {
    for body in [
        ScriptedBody::new().data(vec![0; 1_000]).data(vec![0; 25]).wait(),
        ScriptedBody::new().wait().claim_size(http_body::SizeHint::with_exact(1_025)),
    ] {
        let script = Script::new([Answer::body(200, body)]);
        let error = whole().build().unwrap().layer(script.clone()).oneshot(request("GET")).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Body, Outcome::Success));
        assert_eq!(script.attempts(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_as_large_as_the_cap_passes_with_its_trailers() {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-checksum", "7".parse().unwrap());
    let body = ScriptedBody::new().data(vec![1; 1_000]).data(vec![2; 24]).trailers(trailers.clone()).end();
    let script = Script::new([Answer::body(200, body)]);
    let response = whole().build().unwrap().layer(script).oneshot(request("GET")).await.unwrap();
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), Some(1_024));
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes().len(), 1_024);
}

#[tokio::test(start_paused = true)]
async fn the_response_of_a_final_failure_is_whole_too() {
    let body = ScriptedBody::new().data("name is ").pending().data("missing").end();
    let script = Script::new([Answer::body(422, body)]);
    let response = whole().build().unwrap().layer(script).oneshot(request("PUT")).await.unwrap();
    assert_eq!(Attempts::of(&response).unwrap().outcome(), Some(Outcome::Rejected));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "name is missing");

    let script = Script::new([Answer::body(422, ScriptedBody::new().data("name").error("reset"))]);
    let error = whole().build().unwrap().layer(script.clone()).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), script.attempts()), (ErrorKind::Body, Outcome::Rejected, 1));
    assert_eq!(error.last_status().unwrap().as_u16(), 422);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_covers_the_body_and_the_attempt_keeps_its_status_and_id() {
    let id: TrackingId = "5f3b".parse().unwrap();
    for (status, outcome) in
        [(200, Outcome::Ambiguous), (422, Outcome::Rejected), (503, Outcome::Unavailable)]
    {
        let dripping = ScriptedBody::new().data("x").data("y").wait();
        let script = Script::new([Answer::body(status, dripping).extension(id)]);
        let layer = whole().idle_timeout(None).deadline(seconds(9)).build().unwrap();
        let start = Instant::now();
        let error = layer.layer(script).oneshot(request("POST")).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, outcome));
        assert_eq!((error.attempts().len(), start.elapsed()), (1, seconds(9)));
        assert_eq!(error.last_status().unwrap().as_u16(), status);
        assert_eq!(error.attempts()[0].tracking_id, Some(id));
    }
}

/// Such a response declares the length of another one (RFC 9110 §8.6).
#[tokio::test(start_paused = true)]
async fn a_response_without_a_body_is_whole_with_its_head() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        let declared = ScriptedBody::new().end().claim_size(http_body::SizeHint::with_exact(9));
        let script = Script::new([Answer::body(status, declared)]);
        let response = whole().build().unwrap().layer(script.clone()).oneshot(request(method)).await.unwrap();
        assert_eq!((response.status().as_u16(), script.attempts()), (status, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_hands_over_its_connection_is_not_collected() {
    for (method, status) in [("CONNECT", 200), ("GET", 101)] {
        let endless = ScriptedBody::new().wait();
        let script = Script::new([Answer::body(status, endless)]);
        let layer = whole().build().unwrap();
        let response = layer.layer(script).oneshot(request(method)).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
    }
}
