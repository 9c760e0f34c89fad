//! What becomes of an entry after each outcome of an attempt.

use std::io;

use http::Request;
use martello_body::Body;
use martello_outbox::{Detail, MemoryStore, Outbox, Reason, State};
use martello_outcome::{CallError, ErrorKind, Outcome};

use crate::support::{
    Answer, Api, broken, enqueued, options, post, put, seconds, settled, status, work_with,
};

/// The entry after its first attempt, which gets this answer.
async fn after(request: Request<Body>, answer: fn() -> Answer) -> Detail {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(move |_| async move { answer() });
    let hour = seconds(3_600);
    let _worker = work_with(&outbox, &api, options().backoff(hour, hour).hold_after(1_000));
    let id = enqueued(&outbox, request).await;
    let detail = settled(&outbox, id, 1).await;
    assert_eq!(detail.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1]);
    detail
}

#[derive(Debug, PartialEq)]
enum Becomes {
    Done,
    /// Is sent again, after an attempt that counts.
    Again,
    /// Is sent again, after an attempt that does not count.
    AgainFree,
    Dead(Reason),
}

async fn becomes(request: Request<Body>, answer: fn() -> Answer) -> (Becomes, Outcome) {
    let detail = after(request, answer).await;
    let entry = &detail.entry;
    let becomes = match (entry.state, entry.tries) {
        (State::Done, 1) => Becomes::Done,
        (State::Ready, 1) => Becomes::Again,
        (State::Ready, 0) => Becomes::AgainFree,
        (State::Dead, _) => Becomes::Dead(entry.reason.unwrap()),
        other => panic!("{other:?}"),
    };
    (becomes, detail.entry.last_outcome.unwrap())
}

/// Checks a PUT, which may be repeated, and a POST, which may not.
async fn row(answer: fn() -> Answer, outcome: Outcome, of_put: Becomes, of_post: Becomes) {
    let answered = answer().map(|response| response.status());
    assert_eq!(becomes(put("/orders/1"), answer).await, (of_put, outcome), "PUT: {answered:?}");
    assert_eq!(becomes(post("/orders"), answer).await, (of_post, outcome), "POST: {answered:?}");
}

const AMBIGUOUS: Becomes = Becomes::Dead(Reason::Ambiguous);
const REJECTED: Becomes = Becomes::Dead(Reason::Rejected);

#[tokio::test(start_paused = true)]
async fn a_success_is_done() {
    for answer in [|| status(200), || status(204), || status(303)] {
        row(answer, Outcome::Success, Becomes::Done, Becomes::Done).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_server_is_tried_again() {
    row(|| status(503), Outcome::Unavailable, Becomes::Again, Becomes::Again).await;
    // Behind the gateway, the server may have processed the request.
    row(|| status(504), Outcome::Unavailable, Becomes::Again, AMBIGUOUS).await;
}

#[tokio::test(start_paused = true)]
async fn a_faulty_attempt_does_not_count() {
    for answer in [|| status(401), || status(407), || status(408), || status(425), || status(429)] {
        row(answer, Outcome::Faulty, Becomes::AgainFree, Becomes::AgainFree).await;
    }
    for answer in [|| status(500), || status(502), || status(511)] {
        row(answer, Outcome::Faulty, Becomes::AgainFree, AMBIGUOUS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_a_dead_letter_at_once() {
    for answer in
        [|| status(400), || status(404), || status(409), || status(422), || status(501), || status(505)]
    {
        row(answer, Outcome::Rejected, REJECTED, REJECTED).await;
    }
}

/// Also a repeatable request: the client would refuse it again.
#[tokio::test(start_paused = true)]
async fn a_request_that_the_client_refuses_is_a_dead_letter_at_once() {
    let refused = || Err(CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme").into());
    row(refused, Outcome::Unsent, REJECTED, REJECTED).await;
    let fault = after(put("/orders/1"), refused).await.attempts[0].fault.clone().unwrap();
    assert_eq!(&*fault, "no such scheme");
}

#[tokio::test(start_paused = true)]
async fn an_unsent_request_is_tried_again_and_an_ambiguous_one_only_if_repeatable() {
    let refused = || Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
    row(refused, Outcome::Unsent, Becomes::Again, Becomes::Again).await;
    row(broken, Outcome::Ambiguous, Becomes::Again, AMBIGUOUS).await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_times_out_is_ambiguous() {
    for (request, expected) in [(put("/orders/1"), State::Ready), (post("/orders"), State::Dead)] {
        let outbox = Outbox::new(MemoryStore::new());
        let api = Api::statuses([]).held();
        let hour = seconds(3_600);
        let _worker = work_with(&outbox, &api, options().attempt_timeout(seconds(9)).backoff(hour, hour));
        let id = enqueued(&outbox, request).await;
        let detail = settled(&outbox, id, 1).await;
        let attempt = &detail.attempts[0];
        assert_eq!((attempt.outcome, attempt.duration.as_secs()), (Outcome::Ambiguous, 9));
        assert!(attempt.fault.as_ref().unwrap().contains("9s"), "{attempt:?}");
        assert_eq!((detail.entry.state, api.in_flight()), (expected, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_rejection_is_recorded() {
    let rejected = || {
        let text = format!(r#"{{"error":"stops must not be empty"}}{}"#, "x".repeat(2_000));
        Ok(http::Response::builder().status(422).header("trackingid", "T-1").body(Body::from(text))?)
    };
    let fault = after(put("/orders/1"), rejected).await.attempts[0].fault.clone().unwrap();
    assert!(fault.starts_with(r#"{"error":"stops must not be empty"}xxx"#) && fault.len() <= 512, "{fault}");

    let packed = || {
        let response = http::Response::builder().status(422).header("content-encoding", "gzip");
        Ok(response.body(Body::from("not for people"))?)
    };
    assert_eq!(after(put("/orders/1"), packed).await.attempts[0].fault, None);
}

/// The server may have processed an earlier attempt whose response was lost. That success makes the condition
/// of the next attempt fail.
#[tokio::test(start_paused = true)]
async fn a_failed_condition_after_a_lost_response_is_ambiguous() {
    let conditional = |path: &str| {
        let mut request = put(path);
        request.headers_mut().insert("if-match", "W/\"24\"".parse().unwrap());
        request
    };
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::answering([broken(), status(412), status(412), status(503), status(412)]);
    let _worker = work_with(&outbox, &api, options());
    let mut reasons = Vec::new();
    for request in [conditional("/orders/1"), conditional("/orders/2"), conditional("/orders/3")] {
        let entry = outbox.enqueue(request).await.unwrap().ended().await.unwrap();
        assert_eq!(entry.last_status.unwrap(), 412);
        reasons.push(entry.reason.unwrap());
    }
    assert_eq!(reasons, [Reason::Ambiguous, Reason::Rejected, Reason::Rejected]);
}
