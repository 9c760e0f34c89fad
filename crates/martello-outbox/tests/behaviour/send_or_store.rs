//! What the outbox does with a call: it returns the response, defers the request or stores a dead letter.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::Request;
use martello_body::Body;
use martello_outbox::{
    Change, MemoryStore, NotStoredKind, Outbox, OutboxLayer, OutboxOptions, Reason, Sent, State,
};
use martello_outcome::{BoxError, CallError, CallOptions, ErrorKind, Outcome};
use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceExt};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, Inner, broken, deferred, detail, post, put, send, status, stored},
};

#[tokio::test(start_paused = true)]
async fn a_final_response_is_returned_to_the_caller() {
    let outbox = Outbox::new(MemoryStore::new());
    for expected in [200, 303, 404, 422, 501] {
        let sent = send(&outbox, &Api::statuses([expected]), post("/orders")).await;
        assert_eq!(sent.answered().unwrap().status(), expected);
    }
    assert_eq!(stored(&outbox).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_was_not_processed_is_deferred_whatever_its_method() {
    let outbox = Outbox::new(MemoryStore::new());
    for status in [401, 407, 408, 425, 429, 503] {
        let id = deferred(send(&outbox, &Api::statuses([status]), post("/orders")).await);
        let detail = detail(&outbox, id).await;
        assert_eq!(detail.entry.state, State::Ready);
        let attempt = &detail.attempts[0];
        assert_eq!((attempt.number, attempt.status.unwrap().as_u16()), (1, status));
        assert_eq!(
            (detail.entry.attempts, detail.entry.tries),
            (1, 0),
            "attempts of the call do not count as tries"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_have_been_processed_is_a_dead_letter_unless_it_is_repeatable() {
    let keyed = Outbox::builder(MemoryStore::new()).honours_idempotency_key().build().unwrap();
    let plain = Outbox::new(MemoryStore::new());
    for answer in [|| status(500), || status(502), || status(504), broken] {
        let Sent::DeadLettered(ticket) = send(&plain, &Api::answering([answer()]), post("/orders")).await
        else {
            panic!("not a dead letter");
        };
        let entry = ticket.status().await.unwrap();
        assert_eq!((entry.state, entry.reason), (State::Dead, Some(Reason::Ambiguous)));

        deferred(send(&plain, &Api::answering([answer()]), put("/orders/1")).await);
        deferred(send(&keyed, &Api::answering([answer()]), post("/orders")).await);
        let mut request = post("/orders");
        request.extensions_mut().insert(CallOptions::new().assume_idempotent());
        let id = deferred(send(&plain, &Api::answering([answer()]), request).await);
        assert!(detail(&plain, id).await.entry.repeatable, "what the caller said is stored");
        // The next one of this key is to be sent.
        for entry in stored(&plain).await.into_iter().filter(|entry| entry.order_key.is_some()) {
            if entry.state == State::Ready {
                plain.store().change(entry.id, Change::Cancel).await.unwrap();
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unsent_request_is_deferred_without_an_attempt() {
    let outbox = Outbox::new(MemoryStore::new());
    let full = || CallError::new(ErrorKind::LimitFull, Outcome::Unsent, "full");
    let id = deferred(send(&outbox, &Api::answering([Err(full().into())]), post("/orders")).await);
    assert_eq!(detail(&outbox, id).await.attempts, []);

    let unready = Unready(Api::statuses([]).service());
    let service = OutboxLayer::new(outbox.clone()).layer(unready);
    let id = deferred(service.oneshot(post("/orders")).await.unwrap());
    assert_eq!(detail(&outbox, id).await.attempts, []);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_ready_in_time_leaves_the_request_unsent_and_deferred() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]);
    let service = OutboxLayer::new(outbox.clone()).layer(NeverReady(api.service()));
    let began = tokio::time::Instant::now();
    let sent = tokio::time::timeout(Duration::from_secs(600), service.oneshot(post("/orders"))).await;
    let id = deferred(sent.unwrap().unwrap());
    assert_eq!(began.elapsed().as_secs(), 30);
    assert_eq!((detail(&outbox, id).await.attempts, api.seen().len()), (Vec::new(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_the_client_rejects_is_an_error_and_not_stored() {
    for request in [post("/orders"), put("/orders/1")] {
        let outbox = Outbox::new(MemoryStore::new());
        let refused = CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme");
        let service = crate::support::service(&outbox, &Api::answering([Err(refused.into())]));
        let not_stored = service.oneshot(request).await.unwrap_err();
        assert_eq!((not_stored.kind(), not_stored.outcome()), (NotStoredKind::Request, Outcome::Unsent));
        assert_eq!(not_stored.call().unwrap().kind(), ErrorKind::Unsendable);
        assert!(not_stored.to_string().contains("no such scheme"), "{not_stored}");
        assert_eq!(stored(&outbox).await, []);
    }
}

/// A client that fails before it is given anything.
#[derive(Clone)]
struct Unready(Inner);

impl tower::Service<Request<Body>> for Unready {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = <Inner as tower::Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Err("no connection".into()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

#[derive(Clone)]
struct NeverReady(Inner);

impl tower::Service<Request<Body>> for NeverReady {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = <Inner as tower::Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Pending
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.0.call(request)
    }
}

#[tokio::test(start_paused = true)]
async fn the_hook_gets_the_dead_letter_of_a_call_and_its_panic_is_caught() {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reported);
    let outbox = Outbox::builder(MemoryStore::new())
        .on_dead_letter(move |entry| {
            seen.lock().unwrap().push((entry.id, entry.reason));
            panic!("the hook fails");
        })
        .build()
        .unwrap();
    let sent = send(&outbox, &Api::answering([broken()]), post("/orders")).await;
    assert!(matches!(sent, Sent::DeadLettered(_)));
    let id = sent.ticket().unwrap().id();
    assert_eq!(*reported.lock().unwrap(), [(id, Some(Reason::Ambiguous))]);
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_not_reported_again() {
    let reported = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&reported);
    let outbox =
        Outbox::builder(MemoryStore::new()).on_dead_letter(move |_| *seen.lock().unwrap() += 1).build();
    let outbox = outbox.unwrap();
    for deaths in [1, 1] {
        let mut request = post("/orders");
        request.extensions_mut().insert(OutboxOptions::new().dedup_key("one"));
        assert!(matches!(send(&outbox, &Api::answering([broken()]), request).await, Sent::DeadLettered(_)));
        assert_eq!(*reported.lock().unwrap(), deaths);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_is_not_stored() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([503]).held();
    let mut call = task::spawn(crate::support::service(&outbox, &api).oneshot(put("/orders/1")));
    tokio_test::assert_pending!(call.poll());
    assert_eq!(api.seen().len(), 1);
    drop(call);
    api.release(1);
    tokio::task::yield_now().await;
    assert_eq!(stored(&outbox).await, []);
    // And its turn is free.
    let sent = send(&outbox, &Api::statuses([200]), put("/orders/1")).await;
    assert!(sent.answered().is_some());
}

/// It may have reserved a permit, which others wait for.
#[tokio::test(start_paused = true)]
async fn the_stack_is_dropped_before_the_request_is_stored() {
    let store = Steered::default();
    store.set(Op::Enqueue, Fault::Late(Duration::from_secs(10)));
    let (outbox, reserved) = (Outbox::new(store), Arc::new(()));
    let permit = Arc::clone(&reserved);
    let service = tower::service_fn(move |_: Request<Body>| {
        let _reserves = &permit;
        async { status(503) }
    });
    let mut sending = task::spawn(OutboxLayer::new(outbox).layer(service).oneshot(put("/orders/1")));
    assert_pending!(sending.poll());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_pending!(sending.poll());
    assert_eq!(Arc::strong_count(&reserved), 1, "no clone of the service is left");
    deferred(sending.await.unwrap());
}
