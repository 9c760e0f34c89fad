//! An attempt: what the stack can read of it, how long it may take, and what is recorded.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use martello_body::Body;
use martello_outbox::{Detail, MemoryStore, Outbox, Reason, State};
use martello_outcome::{
    Attempt, AttemptNumber, Attempts, BoxError, CallError, CallOptions, CallerId, ErrorKind, Outcome, Queued,
};
use tokio::time::sleep;
use tower::service_fn;

use crate::support::{Answer, Api, enqueued, options, post, put, seconds, settled, status, work_with};

#[tokio::test(start_paused = true)]
async fn the_request_carries_its_attempt_number_and_options() {
    let outbox = Outbox::new(MemoryStore::new());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let service = service_fn(move |request: Request<Body>| {
        let (extensions, first) = (request.extensions(), sees.lock().unwrap().len() % 2 == 0);
        let options = CallOptions::of(extensions);
        let number = extensions.get::<AttemptNumber>().map(|number| number.0);
        let name = extensions.get::<CallerId>().map(ToString::to_string);
        sees.lock().unwrap().push((number, options.is_without_retry(), options.is_idempotent(), name));
        async move { status(if first { 503 } else { 200 }) }
    });
    let short = Duration::from_millis(10);
    let options = options().backoff(short, short).build().unwrap();
    let _worker = outbox.worker(service).with_options(options).start();
    let mut expected = Vec::new();
    for (request, idempotent) in [(put("/orders/1"), true), (post("/orders"), false)] {
        let ticket = outbox.enqueue(request).await.unwrap();
        ticket.ended().await.unwrap();
        expected.extend([1, 2].map(|number| (Some(number), true, idempotent, Some(ticket.id().to_string()))));
    }
    assert_eq!(*seen.lock().unwrap(), expected);
}

/// A call that is queued for the first time and answered after the second.
async fn queued(queue: Duration, answer: Duration) -> Answer {
    let mut queue = std::pin::pin!(sleep(queue));
    poll_fn(|cx| match queue.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => {
            Queued::report();
            Poll::Pending
        }
    })
    .await;
    sleep(answer).await;
    status(204)
}

#[tokio::test(start_paused = true)]
async fn the_attempt_timeout_runs_from_when_the_request_is_sent() {
    for (answer, expected) in [(29, Outcome::Success), (31, Outcome::Ambiguous)] {
        let outbox = Outbox::new(MemoryStore::new());
        let service = service_fn(move |_: Request<Body>| queued(seconds(40), seconds(answer)));
        let _worker = outbox.worker(service).with_options(options().build().unwrap()).start();
        let detail = settled(&outbox, enqueued(&outbox, post("/orders")).await, 1).await;
        let attempt = &detail.attempts[0];
        assert_eq!(attempt.outcome, expected, "{attempt:?}");
        let began = attempt.started.duration_since(detail.entry.created_at).unsigned_abs();
        assert!(began >= seconds(40) && began < seconds(41), "{began:?}");
        assert_eq!(attempt.duration.as_secs(), answer.min(30));
    }
}

/// The entry after its first attempt, which gets this answer.
async fn after(answer: impl Fn() -> Answer + Send + Sync + 'static) -> (Detail, u64) {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(move |_| {
        let answer = answer();
        async { answer }
    });
    let hour = seconds(3_600);
    let worker = work_with(&outbox, &api, options().backoff(hour, hour));
    let id = enqueued(&outbox, post("/orders")).await;
    sleep(seconds(5)).await;
    (settled(&outbox, id, 0).await, worker.health().given_back)
}

fn saying(status: u16, body: &'static str) -> impl Fn() -> Answer {
    move || Ok(Response::builder().status(status).body(Body::from(body))?)
}

#[tokio::test(start_paused = true)]
async fn only_the_body_of_a_rejection_is_recorded() {
    let fault = |(detail, _): (Detail, u64)| detail.attempts[0].fault.clone();
    assert_eq!(fault(after(saying(422, "no stops")).await).as_deref(), Some("no stops"));
    for other in [200, 429, 500, 503] {
        assert_eq!(fault(after(saying(other, "a secret of the customer's")).await), None, "{other}");
    }
}

fn failing(kind: ErrorKind, outcome: Outcome, attempts: usize) -> impl Fn() -> Answer {
    move || {
        let attempt = Attempt::new(1, std::time::SystemTime::UNIX_EPOCH, outcome);
        let error = CallError::new(kind, outcome, "it took too long");
        Err::<Response<Body>, BoxError>(error.with_attempts(Attempts::from(vec![attempt; attempts])).into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_been_sent_is_not_given_back() {
    for kind in [ErrorKind::Deadline, ErrorKind::LimitWaitTimeout] {
        let (detail, back) = after(failing(kind, Outcome::Ambiguous, 0)).await;
        assert_eq!((detail.entry.reason, back), (Some(Reason::Ambiguous), 0), "{kind:?}");
        let (detail, back) = after(failing(kind, Outcome::Unsent, 1)).await;
        assert_eq!((detail.entry.state, detail.attempts.len(), back), (State::Ready, 1, 0), "{kind:?}");
        let (detail, back) = after(failing(kind, Outcome::Unsent, 0)).await;
        assert_eq!((detail.entry.state, detail.attempts.len()), (State::Ready, 0), "{kind:?}");
        assert!(back > 0);
    }
}
