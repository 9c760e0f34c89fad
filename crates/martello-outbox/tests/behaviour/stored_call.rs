//! What the layer stores with a request: attempts, keys, options and times, and no secrets.

use std::time::Duration;

use http::{HeaderValue, Request};
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, OutboxLayer, OutboxOptions};
use martello_outcome::{Outcome, TrackingId};
use martello_retry::RetryLayer;
use tower::{Layer, ServiceExt};

use crate::support::{Api, deferred, detail, put, send, settled, status, work};

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
