//! How the body ended, and that the reader of a body sees no difference.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::{Body, SizeHint};
use http_body_util::{BodyExt, Full};
use martello_body::Drain;
use martello_log::{LogBody, LogLayer};
use martello_outcome::{Abandoned, ErrorKind, Outcome};
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt};
use tracing::{Level, level_filters::LevelFilter};

use crate::support::{Recorder, Written, answering, put, status};

async fn response(method: Method, response: Response<ScriptedBody>) -> Response<LogBody<ScriptedBody>> {
    let mut request = put("");
    *request.method_mut() = method;
    // The service is called once.
    let answer = std::sync::Mutex::new(Some(response));
    let answer = std::sync::Arc::new(answer);
    let client = answering(move || answer.lock().unwrap().take().unwrap());
    LogLayer::calls().layer(client).oneshot(request).await.unwrap()
}

async fn body(body: ScriptedBody) -> LogBody<ScriptedBody> {
    response(Method::GET, Response::new(body)).await.into_body()
}

#[track_caller]
fn assert_end(event: &Written, end: Option<&str>, size: Option<&str>) {
    assert_eq!((event.get("body_end"), event.get("http.response.body.size")), (end, size));
}

#[tokio::test]
async fn a_body_that_was_read_is_complete() {
    let recorder = Recorder::new();
    let mut body = body(ScriptedBody::new().data("some").data("more")).await;
    body.frame().await.unwrap().unwrap();
    assert!(recorder.events().is_empty(), "half the body is still to come");
    body.frame().await.unwrap().unwrap();
    assert_end(&recorder.event(), Some("complete"), Some("8"));
    assert!(body.frame().await.is_none());
    drop(body);
    recorder.event();
}

#[tokio::test]
async fn a_body_without_is_end_stream_is_complete_at_its_end() {
    let recorder = Recorder::new();
    let mut body = body(ScriptedBody::new().data("some").claim_end_stream(false)).await;
    body.frame().await.unwrap().unwrap();
    assert!(recorder.events().is_empty());
    assert!(body.frame().await.is_none());
    assert_end(&recorder.event(), Some("complete"), Some("4"));
}

#[tokio::test]
async fn trailers_are_the_end_and_pass() {
    let recorder = Recorder::new();
    let trailers = HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("7"))]);
    let script = ScriptedBody::new().data("some").trailers(trailers.clone()).claim_end_stream(false);
    let mut body = body(script).await;
    body.frame().await.unwrap().unwrap();
    let last = body.frame().await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap(), trailers);
    assert_end(&recorder.event(), Some("complete"), Some("4"));
}

#[tokio::test]
async fn a_body_that_was_thrown_away_is_drained() {
    let recorder = Recorder::new();
    let body = body(ScriptedBody::new().data("some").data("more")).await;
    assert!(Drain::new(body, 100, Duration::from_secs(1)).await);
    let event = recorder.event();
    assert_end(&event, Some("drained"), Some("8"));
    assert_eq!(event.level, Level::INFO);
}

#[tokio::test]
async fn a_drain_that_gives_up_drops_the_body() {
    let recorder = Recorder::new();
    let script = ScriptedBody::new().data("some").data("more").data("rest").claim_size(SizeHint::default());
    assert!(!Drain::new(body(script).await, 6, Duration::from_secs(1)).await);
    assert_end(&recorder.event(), Some("dropped"), Some("8"));
}

#[tokio::test]
async fn a_dropped_body_counts_as_success() {
    let recorder = Recorder::new();
    drop(body(ScriptedBody::new().data("some")).await);
    let event = recorder.event();
    assert_end(&event, Some("dropped"), None);
    assert_eq!((event.level, event.get("outcome")), (Level::INFO, Some("success")));
    assert_eq!(event.get("error.type"), None);
}

#[tokio::test]
async fn a_body_that_was_half_read_is_dropped() {
    let recorder = Recorder::new();
    let mut body = body(ScriptedBody::new().data("some").wait().data("more")).await;
    body.frame().await.unwrap().unwrap();
    let mut task = tokio_test::task::spawn(body);
    assert!(task.enter(|cx, body| body.poll_frame(cx)).is_pending());
    drop(task);
    assert_end(&recorder.event(), Some("dropped"), Some("4"));
}

#[tokio::test]
async fn a_body_that_fails_is_a_failure_with_its_error() {
    let recorder = Recorder::new();
    let script = ScriptedBody::new().data("some").error("the line went dead").data("more");
    let handle = script.handle();
    let mut body = body(script).await;
    body.frame().await.unwrap().unwrap();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Body);
    assert!(handle.dropped(), "what is inside goes before the event is written");

    let event = recorder.event();
    assert_end(&event, Some("broken"), Some("4"));
    assert_eq!((event.level, event.get("outcome")), (Level::WARN, Some("ambiguous")));
    assert_eq!(event.get("error.type"), Some("body"));
    assert_eq!(event.get("exception.message"), Some("\"the response's body failed: the line went dead\""));
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn what_a_failed_status_said_stands_though_its_body_breaks() {
    let recorder = Recorder::new();
    let script = ScriptedBody::new().error("the line went dead");
    let answer = Response::builder().status(503).body(script).unwrap();
    response(Method::GET, answer).await.into_body().collect().await.unwrap_err();
    let event = recorder.event();
    assert_end(&event, Some("broken"), None);
    assert_eq!((event.get("outcome"), event.get("error.type")), (Some("unavailable"), Some("503")));
    assert!(event.get("exception.message").is_some());
}

#[tokio::test]
async fn a_body_that_ends_before_its_declared_length_is_broken() {
    let short = || ScriptedBody::new().data("some").claim_size(SizeHint::with_exact(5));
    for script in [short(), short().claim_end_stream(false)] {
        let recorder = Recorder::new();
        let read = body(script).await.collect().await.unwrap();
        assert_eq!(read.to_bytes(), "some", "the reader gets what there is");
        let event = recorder.event();
        assert_end(&event, Some("broken"), Some("4"));
        assert_eq!((event.level, event.get("outcome")), (Level::WARN, Some("ambiguous")));
        assert_eq!(event.get("error.type"), Some("body"));
        assert_eq!(event.get("exception.message"), Some("\"the body ended before its declared length\""));
    }
}

#[tokio::test]
async fn a_body_that_an_outer_layer_abandons_is_broken_with_the_reason() {
    let late = Abandoned::new(ErrorKind::Deadline, Outcome::Ambiguous, "too late");
    let large = Abandoned::new(ErrorKind::Body, Outcome::Success, "too large");
    for (code, reason, outcome, kind) in [
        (200, late, "ambiguous", "deadline"),
        (200, large, "success", "body"),
        (503, late, "unavailable", "503"),
    ] {
        let recorder = Recorder::new();
        let mut body = response(Method::GET, status(code)).await.into_body();
        body.frame().await.unwrap().unwrap();
        reason.while_dropping(|| drop(body));
        let event = recorder.event();
        assert_end(&event, Some("broken"), Some("4"));
        assert_eq!((event.level, event.get("outcome")), (Level::WARN, Some(outcome)));
        assert_eq!(event.get("error.type"), Some(kind));
        assert_eq!(event.get("exception.message"), Some(&*format!("{:?}", reason.message())));
    }
}

#[tokio::test]
async fn a_body_that_had_ended_before_it_was_given_up_is_complete() {
    let recorder = Recorder::new();
    let mut body = body(ScriptedBody::new().data("some")).await;
    body.frame().await.unwrap().unwrap();
    Abandoned::new(ErrorKind::Deadline, Outcome::Ambiguous, "too late").while_dropping(|| drop(body));
    assert_end(&recorder.event(), Some("complete"), Some("4"));
}

#[tokio::test]
async fn a_broken_body_yields_the_same_with_and_without_a_subscriber() {
    for layer in [LogLayer::calls(), LogLayer::off()] {
        let _recorder = Recorder::at(LevelFilter::OFF);
        let script = ScriptedBody::new().error("the line went dead").data("more");
        let handle = script.handle();
        let script = std::sync::Arc::new(std::sync::Mutex::new(Some(script)));
        let client = answering(move || Response::new(script.lock().unwrap().take().unwrap()));
        let mut body = layer.layer(client).oneshot(put("")).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap_err();
        assert!(handle.dropped());
        assert!(body.is_end_stream());
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn responses_that_have_no_body_end_at_the_head() {
    for (method, code, empty) in [
        (Method::HEAD, 200, false),
        (Method::GET, 204, false),
        (Method::GET, 304, false),
        (Method::GET, 200, true),
    ] {
        let recorder = Recorder::new();
        let script = if empty { ScriptedBody::new() } else { ScriptedBody::new().data("none of it") };
        let answer = Response::builder().status(code).body(script).unwrap();
        let response = response(method, answer).await;
        assert_end(&recorder.event(), None, None);
        drop(response);
        recorder.event();
    }
}

#[tokio::test]
async fn hints_and_frames_pass_unchanged() {
    let _recorder = Recorder::new();
    for layer in [LogLayer::calls(), LogLayer::attempts(), LogLayer::off()] {
        let response = layer.layer(answering(|| status(200))).oneshot(put("")).await.unwrap();
        let mut body = response.into_body();
        assert_eq!(body.size_hint().exact(), Some(8));
        assert!(!body.is_end_stream());
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "some");
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "more");
        assert!(body.is_end_stream());
    }
}

#[tokio::test]
async fn a_request_of_unknown_length_has_no_size_field() {
    let recorder = Recorder::new();
    let unknown = ScriptedBody::new().data("some").claim_size(SizeHint::default());
    let request = put("").map(|_| unknown);
    drop(LogLayer::calls().layer(answering(|| status(200))).oneshot(request).await.unwrap());
    assert_eq!(recorder.event().get("http.request.body.size"), None);
}

#[test]
fn a_body_moves_to_other_threads() {
    fn is_send_sync<T: Send + Sync + Unpin>() {}
    is_send_sync::<LogBody<Full<Bytes>>>();
}
