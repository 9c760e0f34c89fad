//! Entries that meet the result of their own earlier attempt.

use http::Request;
use martello_body::Body;
use martello_outbox::{
    Change, Entry, MemoryStore, Outbox, OutboxLayer, OutboxOptions, Reason, State, StoreErrorKind,
    WhenOvertaken,
};
use martello_outcome::{CallOptions, Outcome};
use martello_retry::RetryLayer;
use tower::{Layer, ServiceExt};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Answer, Api, broken, deferred, detail, post, put, status, work},
};

fn delete(path: &str) -> Request<Body> {
    Request::delete(format!("https://api.example{path}")).body(Body::empty()).unwrap()
}

/// The final state of an entry whose attempts get these answers in turn.
async fn ended(request: Request<Body>, answers: impl IntoIterator<Item = Answer>) -> Entry {
    let outbox = Outbox::new(MemoryStore::new());
    let _worker = work(&outbox, &Api::answering(answers));
    outbox.enqueue(request).await.unwrap().ended().await.unwrap()
}

const DONE: (State, Option<Reason>) = (State::Done, None);
const REJECTED: (State, Option<Reason>) = (State::Dead, Some(Reason::Rejected));
const AMBIGUOUS: (State, Option<Reason>) = (State::Dead, Some(Reason::Ambiguous));

fn became(entry: &Entry) -> (State, Option<Reason>) {
    (entry.state, entry.reason)
}

#[tokio::test(start_paused = true)]
async fn a_delete_whose_response_was_lost_is_done_when_nothing_is_left_to_delete() {
    for lost in [broken, || status(500), || status(502), || status(504)] {
        for gone in [404, 410] {
            let entry = ended(delete("/orders/1"), [lost(), status(gone)]).await;
            assert_eq!(became(&entry), DONE, "{:?}, {gone}", lost());
            // The attempt's own outcome stays recorded.
            assert_eq!((entry.last_outcome, entry.attempts), (Some(Outcome::Rejected), 2));
        }
    }
    // The outage in which the response was lost goes on.
    let entry = ended(delete("/orders/1"), [broken(), status(503), status(429), status(404)]).await;
    assert_eq!(became(&entry), DONE);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_cannot_have_been_processed_before_is_rejected_when_nothing_is_there() {
    let refused = || Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into());
    for before in [vec![], vec![status(503)], vec![status(429)], vec![refused()]] {
        let entry = ended(delete("/orders/1"), before.into_iter().chain([status(404)])).await;
        assert_eq!(became(&entry), REJECTED);
    }
    // A write cannot be the reason that nothing is there.
    assert_eq!(became(&ended(put("/orders/1"), [broken(), status(404)]).await), REJECTED);
}

#[tokio::test(start_paused = true)]
async fn a_delete_whose_response_the_caller_lost_is_done_by_the_worker() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::answering([broken(), status(503), status(404)]);
    let retry = RetryLayer::builder().attempts(2).build().unwrap();
    let layer = OutboxLayer::new(outbox.clone()).layer(retry.layer(api.service()));
    let id = deferred(layer.oneshot(delete("/orders/1")).await.unwrap());
    let _worker = work(&outbox, &api);
    assert_eq!(became(&outbox.ticket(id).ended().await.unwrap()), DONE);
}

#[tokio::test(start_paused = true)]
async fn attempts_before_an_edit_do_not_count() {
    let outbox = Outbox::new(MemoryStore::new());
    let _worker = work(&outbox, &Api::answering([broken(), status(404)]));
    let mut once = delete("/orders/1");
    once.extensions_mut().insert(OutboxOptions::new().max_attempts(1));
    let ticket = outbox.enqueue(once).await.unwrap();
    assert_eq!(ticket.ended().await.unwrap().reason, Some(Reason::Exhausted));
    outbox.edit(ticket.id(), 1, delete("/orders/2")).await.unwrap();
    outbox.store().change(ticket.id(), Change::Replay(WhenOvertaken::Refuse)).await.unwrap();
    assert_eq!(became(&ticket.ended().await.unwrap()), REJECTED);
    assert_eq!(detail(&outbox, ticket.id()).await.attempts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_ambiguous_if_the_store_cannot_list_the_earlier_attempts() {
    for fault in [Fault::Fail(StoreErrorKind::Unavailable), Fault::Hang] {
        let store = Steered::over(MemoryStore::new());
        let outbox = Outbox::new(store.clone());
        let _worker = work(&outbox, &Api::answering([broken(), status(404)]));
        store.set(Op::Detail, fault);
        let entry = outbox.enqueue(delete("/orders/1")).await.unwrap().ended().await.unwrap();
        assert_eq!((became(&entry), entry.attempts), (AMBIGUOUS, 2), "{fault:?}");
    }
}

/// Requests that may be sent again, one of each method.
fn repeatable() -> impl Iterator<Item = Request<Body>> {
    let patch = Request::patch("https://api.example/orders/1").body(Body::from("{}")).unwrap();
    [post("/orders"), put("/orders/1"), patch, delete("/orders/1")].into_iter().map(|mut request| {
        request.extensions_mut().insert(CallOptions::new().assume_idempotent());
        request
    })
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_response_is_ambiguous() {
    for conflict in [409, 412] {
        for request in repeatable() {
            let entry = ended(request, [broken(), status(conflict)]).await;
            assert_eq!(became(&entry), AMBIGUOUS, "{} {conflict}", entry.method);
            assert_eq!((entry.last_outcome, entry.attempts), (Some(Outcome::Rejected), 2));
        }
        for request in repeatable() {
            let answers = [status(504), status(503), status(425), status(conflict)];
            assert_eq!(became(&ended(request, answers).await), AMBIGUOUS);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_without_a_processed_attempt_before_is_rejected() {
    for conflict in [409, 412] {
        for before in [vec![], vec![status(503)], vec![status(425)]] {
            for request in [put("/orders/1"), delete("/orders/1"), post("/orders")] {
                let before: Vec<Answer> =
                    before.iter().map(|answer| status(answer.as_ref().unwrap().status().as_u16())).collect();
                let entry = ended(request, before.into_iter().chain([status(conflict)])).await;
                assert_eq!(became(&entry), REJECTED, "{} {conflict}", entry.method);
            }
        }
    }
    // What speaks of the request, and not of the state that it meets, has been said of the earlier attempt,
    // too.
    for refused in [400, 422, 428] {
        for request in repeatable() {
            assert_eq!(became(&ended(request, [broken(), status(refused)]).await), REJECTED);
        }
    }
}
