//! The timeouts of an attempt, a call and a body.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use crate::support::{Answer, Script, request, seconds};
use http::Request;
use http_body_util::BodyExt;
use martello_body::Body;
use martello_outcome::{CallOptions, ErrorKind, Outcome, Queued};
use martello_retry::RetryLayer;
use martello_testkit::ScriptedBody;
use tokio::{
    sync::Semaphore,
    time::{Instant, Sleep},
};
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
async fn a_timed_out_post_is_not_retried() {
    let script = Script::new([Answer::never()]);
    let error = RetryLayer::default().layer(script.clone()).oneshot(request("POST")).await.unwrap_err();
    assert_eq!((error.kind(), script.attempts()), (ErrorKind::AttemptTimeout, 1));
}

#[tokio::test(start_paused = true)]
async fn a_response_within_the_timeout_succeeds() {
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

/// A failed response whose body does not end.
fn stalling(status: u16) -> Answer {
    Answer::body(status, ScriptedBody::new().data("start").wait())
}

#[tokio::test(start_paused = true)]
async fn draining_a_failed_response_leaves_time_for_the_next_attempt() {
    let script = Script::new([stalling(503), Answer::status(200).after(Duration::from_millis(100))]);
    let start = Instant::now();
    let layer = quick().deadline(Duration::from_millis(300)).build().unwrap();
    let response = layer.layer(script.clone()).oneshot(request("PUT")).await.unwrap();
    assert_eq!((response.status().as_u16(), script.attempts()), (200, 2));
    assert!(start.elapsed() < Duration::from_millis(300), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_at_the_deadline_and_the_outcome_stays_that_of_the_last() {
    let script = Script::new([stalling(503).after(seconds(1))]);
    let calls = Arc::new(AtomicUsize::new(0));
    let inner = ReadyAfter { inner: script, delay: seconds(120), sleep: None, calls: Arc::clone(&calls) };
    let error = quick().build().unwrap().layer(inner).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Unavailable));
    let status = error.last_status().map(|status| status.as_u16());
    assert_eq!((status, calls.load(Ordering::SeqCst)), (Some(503), 1));
}

/// A service may send as soon as it is called.
#[tokio::test]
async fn an_attempt_that_was_called_before_the_deadline_is_not_unsent() {
    let budget = martello_retry::Budget::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let inner = {
        let calls = Arc::clone(&calls);
        tower::service_fn(move |_: Request<Body>| {
            let second = calls.fetch_add(1, Ordering::SeqCst) == 1;
            if second {
                std::thread::park_timeout(Duration::from_millis(300));
            }
            async move {
                if second {
                    std::future::pending::<()>().await;
                }
                tokio::task::yield_now().await;
                let response = http::Response::builder().status(503).body(ScriptedBody::new()).unwrap();
                Ok::<_, std::io::Error>(response)
            }
        })
    };
    let layer = quick().budget(budget.clone()).deadline(Duration::from_millis(200)).build().unwrap();
    let error = layer.layer(inner).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Ambiguous));
    assert_eq!((calls.load(Ordering::SeqCst), error.attempts().len(), budget.tokens()), (2, 2, 9.0));
}

#[tokio::test(start_paused = true)]
async fn a_queued_request_is_not_sent_at_the_deadline() {
    let permit = Arc::new(Semaphore::new(0));
    let sent = Arc::new(AtomicBool::new(false));
    let inner = {
        let (permit, sent) = (Arc::clone(&permit), Arc::clone(&sent));
        tower::service_fn(move |_: Request<Body>| {
            let (permit, sent) = (Arc::clone(&permit), Arc::clone(&sent));
            async move {
                let mut acquire = std::pin::pin!(permit.acquire());
                std::future::poll_fn(|cx| {
                    let poll = acquire.as_mut().poll(cx);
                    if poll.is_pending() {
                        Queued::report();
                    }
                    poll
                })
                .await
                .unwrap()
                .forget();
                sent.store(true, Ordering::SeqCst);
                std::future::pending::<Result<http::Response<ScriptedBody>, std::io::Error>>().await
            }
        })
    };
    let layer = quick().deadline(seconds(5)).build().unwrap();
    let mut call = tokio_test::task::spawn(layer.layer(inner).oneshot(request("POST")));
    assert!(call.poll().is_pending());
    tokio::time::advance(seconds(5)).await;
    permit.add_permits(1);
    let error = call.await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Unsent));
    assert!(!sent.load(Ordering::SeqCst));
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
async fn a_body_that_stalls_ends_within_the_idle_timeout() {
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

/// A service that takes so long to be ready for a second request.
struct ReadyAfter {
    inner: Script,
    delay: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    calls: Arc<AtomicUsize>,
}

/// The first request of a clone is sent at once.
impl Clone for ReadyAfter {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), delay: self.delay, sleep: None, calls: Arc::clone(&self.calls) }
    }
}

impl Service<Request<Body>> for ReadyAfter {
    type Response = <Script as Service<Request<Body>>>::Response;
    type Error = std::io::Error;
    type Future = <Script as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let sleep = self.sleep.as_mut();
        sleep.map_or(Poll::Ready(Ok(())), |sleep| sleep.as_mut().poll(cx).map(Ok))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // At the deadline of the call, which starts with its first wait.
        self.sleep = Some(Box::pin(tokio::time::sleep(self.delay)));
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.call(request)
    }
}
