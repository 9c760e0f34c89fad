//! What ends an attempt, a call or a body that takes too long.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use crate::support::{Answer, Script, request, seconds};
use http::Request;
use http_body_util::BodyExt;
use martello_body::Body;
use martello_outcome::{CallOptions, ErrorKind, Outcome};
use martello_retry::RetryLayer;
use martello_testkit::ScriptedBody;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

fn quick() -> martello_retry::RetryBuilder {
    let ms = Duration::from_millis(1);
    RetryLayer::builder().backoff(ms, ms).jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_a_head_times_out_and_is_ambiguous() {
    let script = Script::new((0..9).map(|_| Answer::never()));
    let start = Instant::now();
    let error = quick().attempts(2).build().unwrap().layer(script).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::AttemptTimeout, Outcome::Ambiguous));
    assert_eq!(error.attempts().iter().map(|attempt| attempt.duration).collect::<Vec<_>>(), [seconds(30); 2]);
    assert_eq!(start.elapsed(), seconds(60) + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn a_timed_out_post_is_not_sent_again() {
    let script = Script::new([Answer::never()]);
    let error = RetryLayer::default().layer(script.clone()).oneshot(request("POST")).await.unwrap_err();
    assert_eq!((error.kind(), script.attempts()), (ErrorKind::AttemptTimeout, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_within_the_timeout_is_in_time() {
    let script = Script::new([Answer::status(200).after(Duration::from_millis(29_999))]);
    let response = RetryLayer::default().layer(script.clone()).oneshot(request("POST")).await.unwrap();
    assert_eq!((response.status().as_u16(), script.attempts()), (200, 1));
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_attempt_does_not_run_while_it_is_queued() {
    let answer = || Answer::status(200).queued(seconds(29)).after(seconds(29));
    let response =
        RetryLayer::default().layer(Script::new([answer()])).oneshot(request("POST")).await.unwrap();
    assert_eq!(response.status(), 200);

    let script = Script::new([Answer::never().queued(seconds(50))]);
    let start = Instant::now();
    let error = RetryLayer::default().layer(script).oneshot(request("POST")).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::AttemptTimeout, seconds(80)));
    assert_eq!(error.attempts()[0].duration, seconds(30));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_call_in_the_middle_of_an_attempt() {
    let script = Script::new((0..9).map(|_| Answer::never()));
    let start = Instant::now();
    let layer = quick().attempts(9).deadline(seconds(75)).build().unwrap();
    let error = layer.layer(script.clone()).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Ambiguous));
    assert_eq!((script.attempts(), error.attempts().len(), start.elapsed()), (3, 3, seconds(75)));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_runs_while_the_request_is_queued_and_then_it_is_unsent() {
    let script = Script::new([Answer::never().queued(seconds(500))]);
    let start = Instant::now();
    let error = RetryLayer::default().layer(script).oneshot(request("POST")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Unsent));
    assert_eq!((error.attempts().len(), start.elapsed()), (0, seconds(120)));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_the_wait_for_readiness_and_keeps_the_last_status() {
    let start = Instant::now();
    let service = quick().build().unwrap().layer(ReadyOnce { inner: Script::statuses([503]), spent: false });
    let error = service.oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Unavailable));
    assert_eq!(error.last_status().map(|status| status.as_u16()), Some(503));
    assert_eq!((error.attempts().len(), start.elapsed().as_secs()), (1, 120));
}

#[tokio::test(start_paused = true)]
async fn one_request_can_have_a_shorter_deadline() {
    let mut request = request("PUT");
    request.extensions_mut().insert(CallOptions::new().deadline(seconds(2)));
    let start = Instant::now();
    let error =
        RetryLayer::default().layer(Script::new([Answer::never()])).oneshot(request).await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Deadline, seconds(2)));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_ends_within_the_idle_timeout() {
    let body = ScriptedBody::new().data("half").wait();
    let script = Script::new([Answer::body(200, body)]);
    let response = RetryLayer::default().layer(script).oneshot(request("GET")).await.unwrap();
    let start = Instant::now();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (ErrorKind::Body, seconds(30)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_fails_no_body() {
    let body = ScriptedBody::new().data("one").data("two").end();
    let script = Script::new([Answer::body(200, body)]);
    let response = RetryLayer::default().layer(script).oneshot(request("GET")).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    tokio::time::sleep(seconds(600)).await;
    assert_eq!(body.collect().await.unwrap().to_bytes(), "two");
}

/// Is ready for one call and never again.
#[derive(Clone)]
struct ReadyOnce {
    inner: Script,
    spent: bool,
}

impl Service<Request<Body>> for ReadyOnce {
    type Response = <Script as Service<Request<Body>>>::Response;
    type Error = std::io::Error;
    type Future = <Script as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.spent { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.spent = true;
        self.inner.call(request)
    }
}
