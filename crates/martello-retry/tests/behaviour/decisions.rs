//! Which requests are retried.

use std::{
    io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::{Answer, Script, request, seconds};
use martello_outcome::{CallError, CallOptions, ErrorKind, Outcome, RequestHead};
use martello_retry::{AttemptView, Decision, RetryLayer};
use martello_testkit::ScriptedBody;
use tower::{Layer, ServiceExt, service_fn};

async fn attempts(layer: RetryLayer, method: &str, answers: impl IntoIterator<Item = Answer>) -> usize {
    let script = Script::new(answers);
    let _ = layer.layer(script.clone()).oneshot(request(method)).await;
    script.attempts()
}

fn statuses(status: u16) -> Vec<Answer> {
    (0..9).map(|_| Answer::status(status)).collect()
}

#[tokio::test(start_paused = true)]
async fn only_unavailable_statuses_are_retried_and_only_if_repeatable() {
    for status in 100..600 {
        for (method, repeatable) in
            [("GET", true), ("PUT", true), ("DELETE", true), ("POST", false), ("PATCH", false)]
        {
            let expected = if repeatable && matches!(status, 503 | 504) { 4 } else { 1 };
            let attempts = attempts(RetryLayer::default(), method, statuses(status)).await;
            assert_eq!(attempts, expected, "{method} answered {status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_user_sets_the_unavailable_statuses() {
    let layer = || RetryLayer::builder().unavailable([500]).build().unwrap();
    assert_eq!(attempts(layer(), "PUT", statuses(500)).await, 4);
    assert_eq!(attempts(layer(), "PUT", statuses(503)).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_unsent_request_is_retried_whatever_its_method() {
    let answers = || (0..9).map(|_| Answer::fault(ConnectionRefused));
    assert_eq!(attempts(RetryLayer::default(), "POST", answers()).await, 4);
    assert_eq!(attempts(RetryLayer::default(), "PUT", answers()).await, 4);
}

/// A layer around the client could not call it: at each attempt, or after one that reached the server.
#[tokio::test(start_paused = true)]
async fn only_an_error_without_an_attempt_says_that_there_was_none() {
    for (reached, untried) in [(0, true), (1, false)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let made = Arc::clone(&calls);
        let service = service_fn(move |_: http::Request<martello_body::Body>| {
            let call = made.fetch_add(1, Ordering::SeqCst);
            async move {
                if call < reached {
                    return Ok(http::Response::builder().status(503).body(ScriptedBody::new()).unwrap());
                }
                Err(CallError::unsent(ErrorKind::Transport, "no credentials"))
            }
        });
        let error = RetryLayer::default().layer(service).oneshot(request("PUT")).await.unwrap_err();
        let found = (error.is_untried(), error.attempts().len(), calls.load(Ordering::SeqCst));
        assert_eq!(found, (untried, 4, 4));
    }
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_request_is_retried_only_if_repeatable() {
    for fault in [ConnectionReset, BrokenPipe] {
        let answers = || (0..9).map(|_| Answer::fault(fault));
        assert_eq!(attempts(RetryLayer::default(), "POST", answers()).await, 1);
        assert_eq!(attempts(RetryLayer::default(), "PUT", answers()).await, 4);
        let assumed = RetryLayer::builder().assume_idempotent().build().unwrap();
        assert_eq!(attempts(assumed, "POST", answers()).await, 4);
    }
}

#[tokio::test(start_paused = true)]
async fn an_idempotency_key_counts_only_if_the_server_honours_it() {
    for (honours, expected) in [(false, 1), (true, 4)] {
        let mut builder = RetryLayer::builder();
        if honours {
            builder = builder.honours_idempotency_key();
        }
        let script = Script::statuses([503, 503, 503, 503]);
        let mut request = request("POST");
        request.headers_mut().insert("idempotency-key", "8e03978e".parse().unwrap());
        let _ = builder.build().unwrap().layer(script.clone()).oneshot(request).await;
        assert_eq!(script.attempts(), expected);
        assert!(script.seen(|seen| seen.headers.contains_key("idempotency-key")).iter().all(|kept| *kept));
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_can_override_the_layer() {
    for (options, method, expected) in [
        (CallOptions::new().without_retry(), "PUT", 1),
        (CallOptions::new().assume_idempotent(), "POST", 4),
        (CallOptions::new(), "POST", 1),
    ] {
        let script = Script::statuses([503; 9]);
        let mut request = request(method);
        request.extensions_mut().insert(options);
        let response = RetryLayer::default().layer(script.clone()).oneshot(request).await.unwrap();
        assert_eq!((script.attempts(), response.status().as_u16()), (expected, 503));
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_is_retried_only_if_enabled_and_with_a_retry_after() {
    let limited = || (0..9).map(|_| Answer::status(429).header("retry-after", "1"));
    let layer = || RetryLayer::builder().retry_too_many_requests().build().unwrap();
    assert_eq!(attempts(RetryLayer::default(), "PUT", limited()).await, 1);
    assert_eq!(attempts(layer(), "POST", limited()).await, 4);
    assert_eq!(attempts(layer(), "POST", statuses(429)).await, 1);
    let too_long = [Answer::status(429).header("retry-after", "61")];
    assert_eq!(attempts(layer(), "PUT", too_long).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_decision_gets_the_attempt_and_is_followed_within_the_limits() {
    let layer = RetryLayer::builder()
        .decide(|attempt| {
            assert_eq!(attempt.request.method, "POST");
            assert!(!attempt.repeatable);
            let response = attempt.response.expect("it was answered");
            assert_eq!((attempt.outcome, response.status.as_u16()), (Outcome::Rejected, 409));
            assert_eq!(response.headers["x-why"], "busy");
            assert!(attempt.time_left.is_some_and(|left| left <= seconds(120)));
            Decision::Retry { wait: seconds(u64::from(attempt.number)) }
        })
        .build()
        .unwrap();
    let start = tokio::time::Instant::now();
    let answers = (0..9).map(|_| Answer::status(409).header("x-why", "busy"));
    assert_eq!(attempts(layer, "POST", answers).await, 4);
    assert_eq!(start.elapsed().as_secs(), 1 + 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn a_decision_can_stop_a_retry() {
    let layer = RetryLayer::builder().decide(|_| Decision::Stop).build().unwrap();
    assert_eq!(attempts(layer, "PUT", statuses(503)).await, 1);
}

/// A decision about a request that cannot be sent again would have no effect.
#[tokio::test(start_paused = true)]
async fn a_decision_is_not_called_for_a_body_over_the_replay_cap() {
    for declares in [true, false] {
        for (bytes, decisions, attempts) in [(5, 3, 4), (6, 0, 1)] {
            let asked = Arc::new(AtomicUsize::new(0));
            let count = asked.clone();
            let layer = RetryLayer::builder().replay_cap(5).decide(move |attempt| {
                count.fetch_add(1, Ordering::Relaxed);
                attempt.default_decision()
            });
            let script = Script::statuses([503; 9]);
            let body = ScriptedBody::new().data(vec![b'x'; bytes]).end();
            let body = if declares { body } else { body.claim_size(http_body::SizeHint::new()) };
            let request = request("PUT").map(|_| martello_body::Body::new(body));
            let response = layer.build().unwrap().layer(script.clone()).oneshot(request).await.unwrap();
            let case = format!("{bytes} bytes, which are declared: {declares}");
            assert_eq!((response.status().as_u16(), script.attempts()), (503, attempts), "{case}");
            assert_eq!(asked.load(Ordering::Relaxed), decisions, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_layer_inside_is_no_attempt_and_passes_through() {
    use martello_outcome::CallError;
    for kind in [ErrorKind::LimitFull, ErrorKind::LimitWaitTimeout, ErrorKind::Deadline, ErrorKind::Budget] {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = calls.clone();
        let inner = service_fn(move |_: http::Request<martello_body::Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            let error = CallError::new(kind, Outcome::Unsent, "full");
            async move { Err::<http::Response<martello_body::Body>, _>(error) }
        });
        let error = RetryLayer::default().layer(inner).oneshot(request("PUT")).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome(), error.attempts().len()), (kind, Outcome::Unsent, 0));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_never_be_sent_is_one_attempt_without_payment_or_decision() {
    use martello_outcome::CallError;
    let decided = RetryLayer::builder().decide(|_| Decision::Retry { wait: seconds(0) }).build().unwrap();
    for layer in [RetryLayer::default(), decided] {
        let inner = service_fn(|_: http::Request<martello_body::Body>| async {
            let refused = CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme");
            Err::<http::Response<martello_body::Body>, _>(refused)
        });
        let error = layer.layer(inner).oneshot(request("PUT")).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unsendable, Outcome::Unsent));
        assert_eq!((error.attempts().len(), error.attempts().outcome()), (1, Some(Outcome::Unsent)));
        assert_eq!(layer.budget().tokens(), RetryLayer::default().budget().tokens());
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_can_fall_back_to_the_settings_of_the_layer() {
    let layer = || {
        RetryLayer::builder().retry_too_many_requests().decide(|attempt| match attempt.outcome {
            Outcome::Rejected => Decision::Stop,
            _ => attempt.default_decision(),
        })
    };
    let limited = || (0..9).map(|_| Answer::status(429).header("retry-after", "1"));
    assert_eq!(attempts(layer().build().unwrap(), "POST", limited()).await, 4);
    assert_eq!(attempts(layer().unavailable([500]).build().unwrap(), "PUT", statuses(500)).await, 4);
}

#[test]
fn a_decision_can_be_tested_by_itself() {
    let decide = |attempt: &AttemptView<'_>| attempt.retry_if(attempt.number < 3);
    let request = request("POST");
    let mut attempt = AttemptView::new(RequestHead::from(&request), Outcome::Rejected);
    attempt.backoff = seconds(1);
    assert_eq!(decide(&attempt), Decision::Retry { wait: seconds(1) });
    attempt.number = 3;
    assert_eq!(decide(&attempt), Decision::Stop);
}

#[tokio::test(start_paused = true)]
async fn no_header_value_is_in_the_debug_text_of_an_attempt() {
    let (say, said) = std::sync::mpsc::channel();
    let layer = RetryLayer::builder().decide(move |attempt| {
        say.send(format!("{attempt:?}")).unwrap();
        Decision::Stop
    });
    let mut request = request("PUT");
    request.headers_mut().insert("authorization", "Bearer hidden".parse().unwrap());
    let script = Script::new([Answer::status(503).header("set-cookie", "session=hidden")]);
    layer.build().unwrap().layer(script).oneshot(request).await.unwrap();
    let text = said.recv().unwrap();
    assert!(text.contains("set-cookie") && !text.contains("hidden"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_inner_call_that_was_sent_is_an_attempt() {
    let script = Script::new([Answer::status(429).header("retry-after", "1"), Answer::never()]);
    let inner = RetryLayer::builder().deadline(seconds(5)).build().unwrap().layer(script.clone());
    let outer = RetryLayer::builder().retry_too_many_requests().build().unwrap().layer(inner);
    let error = outer.oneshot(request("POST")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Ambiguous));
    assert_eq!((error.attempts().len(), script.attempts()), (2, 2));
    assert_eq!(script.seen(|seen| seen.number), [1, 1], "each is the first of the inner call");
}

#[tokio::test]
async fn a_request_whose_service_is_not_ready_is_unsent() {
    #[derive(Clone)]
    struct Gone;
    impl tower::Service<http::Request<martello_body::Body>> for Gone {
        type Response = http::Response<martello_body::Body>;
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
            std::task::Poll::Ready(Err(BrokenPipe.into()))
        }

        fn call(&mut self, _: http::Request<martello_body::Body>) -> Self::Future {
            unreachable!("it is never ready")
        }
    }
    let error = RetryLayer::default().layer(Gone).oneshot(request("POST")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
}
