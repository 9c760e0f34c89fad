//! The attempts that a call reports.

use std::{io, time::Duration};

use crate::support::{Answer, Script, request, seconds};
use martello_body::Body;
use martello_outcome::{AttemptNumber, Attempts, CallNotes, ErrorKind, Outcome, TrackingId};
use martello_retry::RetryLayer;
use tower::{Layer, ServiceExt};

fn steady() -> RetryLayer {
    RetryLayer::builder().backoff(seconds(1), seconds(1)).jitter(0.0).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_succeeds_at_once_has_no_history() {
    let response = steady().layer(Script::default()).oneshot(request("PUT")).await.unwrap();
    assert!(response.extensions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_response_has_each_attempt_with_its_number_times_and_id() {
    let id = |text: &str| text.parse::<TrackingId>().unwrap();
    let script = Script::new([
        Answer::status(503).after(seconds(2)).extension(id("first")).header("retry-after", "3"),
        Answer::fault(io::ErrorKind::ConnectionReset),
        Answer::status(201).after(seconds(4)).extension(id("third")),
    ]);
    let before = std::time::SystemTime::now();
    let response = steady().layer(script).oneshot(request("PUT")).await.unwrap();

    let attempts = Attempts::of(&response).unwrap();
    let seen = |attempt: &martello_outcome::Attempt| {
        let id = attempt.tracking_id.as_ref().map(ToString::to_string);
        let status = attempt.status.map(|status| status.as_u16());
        (attempt.number, attempt.outcome, status, id, attempt.waited.as_secs(), attempt.duration.as_secs())
    };
    assert_eq!(
        attempts.iter().map(seen).collect::<Vec<_>>(),
        [
            (1, Outcome::Unavailable, Some(503), Some("first".into()), 0, 2),
            (2, Outcome::Ambiguous, None, None, 3, 0),
            (3, Outcome::Success, Some(201), Some("third".into()), 1, 4),
        ]
    );
    assert_eq!(attempts.waited(), seconds(4));
    assert!(attempts.iter().all(|attempt| attempt.started >= before - seconds(10)));
    let fault = attempts[1].fault.as_deref().unwrap();
    assert!(fault.contains("the request failed on its way") && fault.contains("connection reset"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_response_has_its_history_also_after_one_attempt() {
    let response = steady().layer(Script::statuses([404])).oneshot(request("PUT")).await.unwrap();
    let attempts = Attempts::of(&response).unwrap();
    assert_eq!((attempts.len(), attempts.outcome()), (1, Some(Outcome::Rejected)));
}

#[tokio::test(start_paused = true)]
async fn an_error_has_its_history_and_the_last_status() {
    let script = Script::new([
        Answer::status(504),
        Answer::fault(io::ErrorKind::ConnectionReset),
        Answer::fault(io::ErrorKind::ConnectionReset),
        Answer::fault(io::ErrorKind::ConnectionRefused),
    ]);
    let error = steady().layer(script).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
    assert_eq!(error.last_status().map(|status| status.as_u16()), Some(504));
    assert_eq!(error.attempts().len(), 4);
    assert_eq!(error.to_string(), "the request could not be sent, after 4 attempts, last status 504");
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_between_attempts_keeps_the_history() {
    use martello_outcome::CallError;
    let mut first = true;
    let inner = tower::service_fn(move |_: http::Request<Body>| {
        let answer = if std::mem::take(&mut first) {
            Ok(http::Response::builder().status(503).body(Body::empty()).unwrap())
        } else {
            Err(CallError::new(ErrorKind::LimitFull, Outcome::Unsent, "full"))
        };
        async move { answer }
    });
    // The service of the first attempt also makes the second.
    let inner = tower::ServiceBuilder::new().layer(tower::buffer::BufferLayer::new(1)).service(inner);
    let error = steady().layer(inner).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::LimitFull, Outcome::Unavailable));
    assert_eq!((error.attempts().len(), error.last_status().unwrap().as_u16()), (1, 503));
}

#[tokio::test(start_paused = true)]
async fn later_attempts_have_their_number_and_the_callers_extensions() {
    let script = Script::statuses([503, 503, 503]);
    let notes = CallNotes::default();
    let mut request = request("PUT");
    request.extensions_mut().insert(notes.clone());
    request.extensions_mut().insert(AttemptNumber(1));
    steady().layer(script.clone()).oneshot(request).await.unwrap();
    assert_eq!(script.seen(|seen| seen.number), [1, 2, 3, 4]);
    assert_eq!((notes.attempts(), notes.retry_wait()), (4, seconds(3)));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_its_notes() {
    let script = Script::new([Answer::status(503), Answer::never()]);
    let notes = CallNotes::default();
    let mut request = request("PUT");
    request.extensions_mut().insert(notes.clone());
    let call = steady().layer(script.clone()).oneshot(request);
    assert!(tokio::time::timeout(Duration::from_secs(5), call).await.is_err());
    assert_eq!((script.attempts(), notes.attempts()), (2, 2));
}
