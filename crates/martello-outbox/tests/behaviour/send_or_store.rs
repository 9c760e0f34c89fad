//! What the outbox does with a call: it returns the response, defers the request or stores a dead letter.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request};
use martello_body::Body;
use martello_outbox::{
    Change, MemoryStore, NotStoredKind, Outbox, OutboxLayer, OutboxOptions, Reason, Sent, State,
};
use martello_outcome::{BoxError, CallError, CallOptions, ErrorKind, Outcome, TrackingId};
use martello_retry::RetryLayer;
use tokio_test::{assert_pending, task};
use tower::{Layer, ServiceExt};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, Inner, broken, deferred, detail, post, put, send, settled, status, stored, work},
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
async fn the_attempts_of_the_stack_are_stored_with_their_ids() {
    let outbox = Outbox::new(MemoryStore::new());
    let answer = |status: u16, id: &'static str| {
        let mut response = crate::support::status(status)?;
        response.extensions_mut().insert(id.parse::<TrackingId>().unwrap());
        Ok(response)
    };
    let api = Api::answering([answer(503, "a-1"), answer(503, "a-2"), answer(503, "a-3")]);
    let retry = RetryLayer::builder().attempts(3).build().unwrap();
    let service = OutboxLayer::new(outbox.clone()).layer(retry.layer(api.service()));
    let id = deferred(service.oneshot(put("/orders/1")).await.unwrap());

    let detail = detail(&outbox, id).await;
    let ids: Vec<_> =
        detail.attempts.iter().map(|attempt| attempt.tracking_id.unwrap().to_string()).collect();
    assert_eq!(ids, ["a-1", "a-2", "a-3"]);
    assert_eq!(detail.entry.attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn one_idempotency_key_is_on_all_attempts_and_in_the_store() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([503, 503]);
    let retry = RetryLayer::builder().attempts(2).build().unwrap();
    let service = OutboxLayer::new(outbox.clone()).layer(retry.layer(api.service()));
    let id = deferred(service.oneshot(put("/orders/1")).await.unwrap());

    let key = |headers: &http::HeaderMap| headers["idempotency-key"].to_str().unwrap().to_owned();
    let seen: Vec<_> = api.seen().iter().map(|seen| key(&seen.headers)).collect();
    let stored = key(&detail(&outbox, id).await.revisions[0].request.headers);
    assert_eq!(seen, [stored.as_str(), &stored]);
    assert!(
        stored.starts_with('"') && stored.ends_with('"') && stored.len() == 38,
        "a quoted UUID: {stored}"
    );

    let mut own = put("/orders/2");
    own.headers_mut().insert("idempotency-key", HeaderValue::from_static("mine"));
    let api = Api::statuses([200, 200]);
    send(&outbox, &api, own).await;
    send(&outbox, &api, Request::get("https://api.example/").body(Body::empty()).unwrap()).await;
    assert_eq!(key(&api.seen()[0].headers), "mine");
    assert!(!api.seen()[1].headers.contains_key("idempotency-key"), "a GET changes nothing");
}

#[tokio::test(start_paused = true)]
async fn credentials_are_sent_and_not_stored() {
    let outbox = Outbox::builder(MemoryStore::new())
        .redaction(martello_log::Redaction::default().hide_header("x-tenant-secret").unwrap())
        .build()
        .unwrap();
    let mut marked = HeaderValue::from_static("marked-secret");
    marked.set_sensitive(true);
    let request = Request::put("https://me:pass-secret@api.example/orders/1")
        .header("authorization", "Bearer token-secret")
        .header("cookie", "cookie-secret")
        .header("x-tenant-secret", "tenant-secret")
        .header("x-marked", marked)
        .header("content-length", "2")
        .header("content-type", "application/json")
        .body(Body::from("{}"))
        .unwrap();
    let api = Api::statuses([503]);
    let id = deferred(send(&outbox, &api, request).await);

    assert_eq!(api.seen()[0].headers["authorization"], "Bearer token-secret");
    let request = detail(&outbox, id).await.revisions.remove(0).request;
    assert_eq!(request.uri, "https://api.example/orders/1");
    let names: Vec<_> = request.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names, ["content-type", "idempotency-key"]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_and_the_callers_options_go_into_the_store() {
    let outbox = Outbox::new(MemoryStore::new());
    let mut busy = status(503).unwrap();
    busy.headers_mut().insert("retry-after", HeaderValue::from_static("90"));
    let mut far = status(503).unwrap();
    far.headers_mut().insert("retry-after", HeaderValue::from_static("99999999"));
    let api = Api::answering([Ok(busy), Ok(far), status(503)]);
    let wait = async |request| {
        let entry = detail(&outbox, deferred(send(&outbox, &api, request).await)).await.entry;
        (entry.due_at.duration_since(entry.created_at).as_secs(), entry)
    };
    assert!((90..=100).contains(&wait(put("/orders/1")).await.0));
    let far = wait(put("/orders/2")).await.0;
    assert!((3_600..=3_610).contains(&far), "a longer one than any wait of a worker is not believed: {far}");

    let mut request = put("/orders/3");
    let hour = Duration::from_secs(3_600);
    let options = OutboxOptions::new().delay(hour / 2).expires_in(hour).max_attempts(3).dedup_key("three");
    request.extensions_mut().insert(options);
    let (delay, entry) = wait(request).await;
    assert_eq!((delay, entry.max_attempts, entry.dedup_key.as_deref()), (1_800, 3, Some("three")));
    assert_eq!(entry.expires_at.duration_since(entry.created_at).as_secs(), 3_600);
}

#[tokio::test(start_paused = true)]
async fn requests_with_the_same_retry_after_are_due_at_different_times_and_not_before_it() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(|_| async {
        let mut busy = status(503)?;
        busy.headers_mut().insert("retry-after", HeaderValue::from_static("60"));
        Ok(busy)
    });
    let mut waits = Vec::new();
    for number in 0..20 {
        let entry = detail(&outbox, deferred(send(&outbox, &api, put(&format!("/orders/{number}"))).await))
            .await
            .entry;
        waits.push(entry.due_at.duration_since(entry.created_at).as_secs_f64());
    }
    waits.sort_by(f64::total_cmp);
    assert!(waits[0] >= 60.0 && waits[19] <= 70.0, "{waits:?}");
    assert!(waits[19] - waits[0] > 5.0, "{waits:?}");
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

#[tokio::test(start_paused = true)]
async fn an_attempt_of_a_call_is_recorded_in_full() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(|_| async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let mut response = status(503)?;
        response.extensions_mut().insert("track-1".parse::<TrackingId>()?);
        Ok(response)
    });
    let id = deferred(send(&outbox, &api, put("/orders/1")).await);
    let attempt = detail(&outbox, id).await.attempts.remove(0);
    assert_eq!((attempt.outcome, attempt.status.unwrap().as_u16()), (Outcome::Unavailable, 503));
    assert_eq!(attempt.duration.as_millis(), 1_500);
    assert_eq!(attempt.tracking_id.unwrap().to_string(), "track-1");
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

#[tokio::test(start_paused = true)]
async fn no_secret_of_a_url_that_the_client_quotes_is_stored() {
    let quoting =
        || Err(std::io::Error::other("PUT https://me:s3cret@api.example/orders/1?key=s3cret: reset").into());
    let outbox = Outbox::new(MemoryStore::new());
    let id = deferred(send(&outbox, &Api::answering([quoting()]), put("/orders/1?key=s3cret")).await);
    let worker = work(&outbox, &Api::answering([quoting()]));
    let detail = settled(&outbox, id, 2).await;
    worker.shutdown().await;
    assert_eq!(detail.attempts.len(), 2, "one at the call, one by the worker");
    for attempt in &detail.attempts {
        let fault = attempt.fault.as_deref().unwrap();
        assert!(fault.ends_with("PUT https://***@api.example/orders/1?key=***: reset"), "{fault}");
    }
}
