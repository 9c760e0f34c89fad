//! A request that can never be sent: every layer gives it up at once, and no layer counts it as a failure of
//! the server.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::{StreamExt, stream};
use http::{Request, Uri};
use martello::{
    Body, CallError, Outbox, OutboxLayer, Outcome, Paginate, Poller, Stacked, UpsertAll,
    outbox::{Filter, MemoryStore, Reason, State, WorkerOptions},
    paginate::JsonCursor,
    poll::{JsonSince, MemoryCheckpoint},
    retry::Decision,
    upsert::UpsertOutcome,
};
use tower::{Layer, ServiceExt};

use crate::support::{Http, Written, http, quick, request};

/// The client of these tests does not support TLS. No server listens on this port, so with `http` the
/// connection would be refused.
const SECURE: &str = "https://127.0.0.1:1/orders/1";

fn stacked() -> Stacked<Http> {
    quick().build().unwrap().layer(http())
}

fn is_unsendable(error: &CallError) -> bool {
    (error.kind().as_str(), error.outcome()) == ("unsendable", Outcome::Unsent)
}

async fn stored(outbox: &Outbox) -> usize {
    outbox.store().list(Filter::default(), None, 10).await.unwrap().entries.len()
}

#[tokio::test]
async fn it_costs_one_attempt_and_no_token_whatever_the_method() {
    for method in ["GET", "PUT", "POST"] {
        for uri in ["/orders/1", SECURE, "ftp://127.0.0.1:1/orders/1"] {
            let layer = quick().build().unwrap();
            let before = layer.retry().budget().tokens();
            let error =
                layer.layer(http()).oneshot(request(method, Uri::from_static(uri))).await.unwrap_err();
            assert!(is_unsendable(&error), "{method} {uri}: {error:?}");
            let outcomes: Vec<_> = error.attempts().iter().map(|attempt| attempt.outcome).collect();
            assert_eq!(outcomes, [Outcome::Unsent]);
            assert_eq!(layer.retry().budget().tokens(), before);
        }
    }
}

#[tokio::test]
async fn no_decision_of_the_users_own_sends_it_again() {
    let asked = Arc::new(AtomicU32::new(0));
    let decide = |asked: Arc<AtomicU32>| {
        move |_: &martello::retry::AttemptView<'_>| {
            asked.fetch_add(1, Ordering::Relaxed);
            Decision::Retry { wait: std::time::Duration::ZERO }
        }
    };
    let stack = quick().retry(|retry| retry.decide(decide(asked.clone()))).build().unwrap().layer(http());
    let error = stack.oneshot(request("PUT", Uri::from_static(SECURE))).await.unwrap_err();
    assert!(is_unsendable(&error), "{error:?}");
    assert_eq!((error.attempts().len(), asked.load(Ordering::Relaxed)), (1, 0));
}

#[tokio::test]
async fn the_records_of_call_and_attempt_say_so() {
    let (written, _guard) = Written::listen();
    stacked().oneshot(request("PUT", Uri::from_static(SECURE))).await.unwrap_err();
    for target in ["martello::attempt", "martello::call"] {
        let [record] = &written.of(target)[..] else { panic!("not one: {:?}", written.of(target)) };
        assert!(record.values().any(|value| value == "unsendable"), "{target}: {record:?}");
        assert_eq!(record["outcome"], "unsent");
    }
}

#[tokio::test]
async fn an_outbox_layer_returns_it_to_the_caller_and_stores_nothing() {
    for method in ["PUT", "POST"] {
        let outbox = Outbox::new(MemoryStore::new());
        for stack in [quick(), quick().without_retry()] {
            let orders = OutboxLayer::new(outbox.clone()).layer(stack.build().unwrap().layer(http()));
            let not_stored = orders.oneshot(request(method, Uri::from_static(SECURE))).await.unwrap_err();
            assert!(is_unsendable(not_stored.call().unwrap()), "{not_stored:?}");
            assert_eq!(not_stored.attempts().len(), 1);
        }
        assert_eq!(stored(&outbox).await, 0);
    }
}

#[tokio::test]
async fn a_worker_keeps_it_as_a_dead_letter_and_continues() {
    let outbox = Outbox::new(MemoryStore::new());
    let mut tickets = Vec::new();
    for method in ["PUT", "POST", "PUT", "POST", "PUT", "POST", "PUT"] {
        let mut request = request(method, Uri::from_static(SECURE));
        *request.uri_mut() = format!("{SECURE}{}", tickets.len()).parse().unwrap();
        tickets.push(outbox.enqueue(request).await.unwrap());
    }
    let once = quick().without_retry().build().unwrap().layer(http());
    let options = WorkerOptions::builder().hold_after(2).build().unwrap();
    let worker = outbox.worker(once).with_options(options).start();
    for ticket in &tickets {
        let ended = tokio::time::timeout(std::time::Duration::from_secs(20), ticket.ended()).await;
        let entry = ended.unwrap().unwrap();
        assert_eq!((entry.state, entry.reason, entry.attempts), (State::Dead, Some(Reason::Rejected), 1));
        assert_eq!(ticket.detail().await.unwrap().attempts[0].outcome, Outcome::Unsent);
    }
    let health = worker.shutdown().await;
    assert_eq!(
        (health.dead_letters(Reason::Rejected), health.failures_in_row, health.probing),
        (7, 0, false)
    );
}

#[tokio::test]
async fn an_entity_is_rejected_with_the_reason_and_not_deferred() {
    let to_request = |(): &()| Request::put(SECURE).body("{}");
    let outbox = Outbox::new(MemoryStore::new());
    let bare = UpsertAll::new(http(), to_request);
    let alone = UpsertAll::new(stacked(), to_request);
    let deferring = UpsertAll::new(stacked(), to_request).defer_to(&outbox);
    for upserts in [bare, alone, deferring] {
        let report = upserts.run(stream::iter([()])).await.unwrap();
        let record = &report.failures()[0];
        assert_eq!((record.outcome, record.attempts), (UpsertOutcome::Rejected, 1), "{record}");
        assert!(record.reason.as_ref().unwrap().contains("scheme is not http"), "{record}");
    }
    assert_eq!(stored(&outbox).await, 0);
}

#[tokio::test]
async fn a_walk_ends_with_it() {
    let pages = JsonCursor::<u32>::new(SECURE).unwrap();
    let mut items = std::pin::pin!(Paginate::new(stacked(), pages).items::<Body, _>());
    let error = items.next().await.unwrap().unwrap_err();
    assert!(is_unsendable(error.call_error().unwrap()), "{error:?}");
    assert!(error.kind().is_final());
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn a_poll_ends_with_it() {
    let store = MemoryCheckpoint::default();
    // The lease is released, so the next poller need not wait until it expires.
    for _ in 0..2 {
        let source = JsonSince::new(SECURE, JsonCursor::new).unwrap();
        let mut poller = Poller::new(stacked(), source, store.clone());
        let error = poller.next().await.unwrap_err();
        assert!(is_unsendable(error.page_error().unwrap().call_error().unwrap()), "{error:?}");
    }
}
