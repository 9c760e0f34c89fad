//! Over a real socket: a call whose first answer is lost, and whose next attempt meets what that one has
//! done.

use std::time::Duration;

use http::{Method, Request};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, OutboxLayer, Reason, Sent, State, StoreErrorKind};
use martello_outcome::{Attempts, Outcome};
use martello_retry::RetryLayer;
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, broken, post, status, stored},
};

/// What becomes of a call that is answered so, in turn.
async fn sent(outbox: &Outbox, method: Method, replies: [Reply; 2]) -> Sent<impl http_body::Body> {
    let server = Server::start().await.unwrap();
    server.replies(replies);
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let moment = Duration::from_millis(1);
    let retry = RetryLayer::builder().backoff(moment, moment).assume_idempotent().build().unwrap();
    let request = Request::builder().method(method).uri(server.uri("/orders/17")).body(Body::from("{}"));
    let layer = OutboxLayer::new(outbox.clone()).layer(retry.layer(http));
    let sent = layer.oneshot(request.unwrap()).await.unwrap();
    assert_eq!(server.requests().len(), 2);
    sent
}

#[tokio::test]
async fn a_delete_that_finds_nothing_after_a_reset_is_a_success_of_the_call() {
    let outbox = Outbox::new(MemoryStore::new());
    for status in [404, 410] {
        let sent = sent(&outbox, Method::DELETE, [Reply::reset(), Reply::status(status)]).await;
        let response = sent.answered().unwrap();
        let attempts = Attempts::of(&response).unwrap();
        assert_eq!((response.status().as_u16(), attempts.outcome()), (status, Some(Outcome::Rejected)));
        assert_eq!(attempts.call_outcome(&Method::DELETE), Some(Outcome::Success));
    }
    assert_eq!(stored(&outbox).await, []);
}

#[tokio::test]
async fn a_conflict_after_a_reset_is_parked_whether_or_not_it_may_be_repeated() {
    let outbox = Outbox::new(MemoryStore::new());
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for status in [409, 412] {
            let sent = sent(&outbox, method.clone(), [Reply::reset(), Reply::status(status)]).await;
            let Sent::DeadLettered(ticket) = sent else { panic!("not parked: {method} {status}") };
            let entry = ticket.status().await.unwrap();
            assert_eq!((entry.state, entry.reason), (State::Dead, Some(Reason::Ambiguous)));
            let attempts = ticket.detail().await.unwrap().attempts;
            let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome).collect();
            assert_eq!(outcomes, [Outcome::Ambiguous, Outcome::Rejected]);
        }
    }
}

#[tokio::test]
async fn a_conflict_that_nothing_of_its_own_can_have_made_is_handed_to_the_caller() {
    let outbox = Outbox::new(MemoryStore::new());
    for (first, second) in [(503, 409), (503, 412), (504, 422)] {
        let sent = sent(&outbox, Method::POST, [Reply::status(first), Reply::status(second)]).await;
        assert_eq!(sent.answered().unwrap().status(), second);
    }
    assert_eq!(stored(&outbox).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_cannot_be_parked_comes_back_as_ambiguous() {
    let store = Steered::over(MemoryStore::new());
    store.set(Op::Enqueue, Fault::Fail(StoreErrorKind::Unavailable));
    let api = Api::answering([broken(), status(409)]);
    let retry = RetryLayer::builder().assume_idempotent().build().unwrap();
    let layer = OutboxLayer::new(Outbox::new(store)).layer(retry.layer(api.service()));
    let not_stored = layer.oneshot(post("/orders")).await.unwrap_err();
    let outcome =
        (not_stored.outcome(), not_stored.last_status().unwrap().as_u16(), not_stored.attempts().len());
    assert_eq!(outcome, (Outcome::Ambiguous, 409, 2));
}
