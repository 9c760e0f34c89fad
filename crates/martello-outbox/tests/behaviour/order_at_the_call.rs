//! A newer write of a key does not overtake an older one, and is not overwritten by it.

use http::Request;
use martello_body::Body;
use martello_outbox::{MemoryStore, OrderKey, Outbox, OutboxOptions, Sent, State};
use tokio_test::{assert_pending, assert_ready, task};
use tower::ServiceExt;

use crate::support::{Api, deferred, post, put, send, service, stored};

#[tokio::test(start_paused = true)]
async fn a_newer_write_goes_behind_a_stored_one_of_its_key_and_is_not_sent() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([503]);
    let older = deferred(send(&outbox, &api, put("/orders/1")).await);
    // The API is back, and a write that went out now would be overwritten by the older one later.
    let newer = deferred(send(&outbox, &api, put("/orders/1")).await);
    assert_eq!(api.seen().len(), 1);
    let entries = stored(&outbox).await;
    assert_eq!(entries.iter().map(|entry| entry.id).collect::<Vec<_>>(), [newer, older]);

    // Another resource, another method of the same: the one is sent, the other waits.
    assert!(send(&outbox, &api, put("/orders/2")).await.answered().is_some());
    let delete = Request::delete("https://API.example/orders/1").body(Body::empty()).unwrap();
    deferred(send(&outbox, &api, delete).await);
    assert!(
        send(&outbox, &api, post("/orders/1")).await.answered().is_some(),
        "a POST has no order of its own"
    );
}

#[tokio::test(start_paused = true)]
async fn a_newer_write_waits_until_the_older_is_answered_or_stored() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([200, 503, 200]).held();
    let call = || task::spawn(service(&outbox, &api).oneshot(put("/orders/1")));
    let (mut first, mut second, mut third) = (call(), call(), call());
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    assert_eq!(api.seen().len(), 1);

    api.release(1);
    assert!(matches!(assert_ready!(first.poll()), Ok(Sent::Answered(_))));
    assert!(second.is_woken());
    assert_pending!(third.poll());
    assert_pending!(second.poll());
    assert_eq!(api.seen().len(), 2);

    api.release(1);
    let second = deferred(second.await.unwrap());
    let third = deferred(third.await.unwrap());
    assert_eq!(api.seen().len(), 2, "the third is stored behind the second");
    assert_eq!(stored(&outbox).await.iter().map(|entry| entry.id).collect::<Vec<_>>(), [third, second]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gives_up_its_wait_lets_the_next_go() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]).held();
    let call = || task::spawn(service(&outbox, &api).oneshot(put("/orders/1")));
    let (mut first, mut second, mut third) = (call(), call(), call());
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
    drop(second);
    drop(first);
    api.release(2);
    assert!(matches!(assert_ready!(third.poll()), Ok(Sent::Answered(_))));
}

#[tokio::test(start_paused = true)]
async fn a_newer_state_takes_the_place_of_the_older() {
    let outbox = Outbox::builder(MemoryStore::new()).supersede_pending().build().unwrap();
    let api = Api::statuses([503]);
    let older = deferred(send(&outbox, &api, put("/orders/1")).await);
    let newer = deferred(send(&outbox, &api, put("/orders/1")).await);
    let older = outbox.store().entry(older).await.unwrap().unwrap();
    assert_eq!((older.state, older.superseded_by), (State::Cancelled, Some(newer)));
}

#[tokio::test(start_paused = true)]
async fn the_callers_key_orders_what_has_none_and_the_caller_can_have_none() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([503]);
    let keyed = || {
        let mut request = post("/orders/1/stops");
        request.extensions_mut().insert(OutboxOptions::new().order_key(OrderKey::new("order 1").unwrap()));
        request
    };
    deferred(send(&outbox, &api, keyed()).await);
    deferred(send(&outbox, &api, keyed()).await);
    assert_eq!(api.seen().len(), 1);

    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([503]);
    deferred(send(&outbox, &api, put("/orders/1")).await);
    let mut free = put("/orders/1");
    free.extensions_mut().insert(OutboxOptions::new().unordered());
    assert!(send(&outbox, &api, free).await.answered().is_some());

    let by_host = Outbox::builder(MemoryStore::new())
        .order_by(|head| head.uri.host().and_then(|host| OrderKey::new(host).ok()))
        .build()
        .unwrap();
    let api = Api::statuses([503]);
    deferred(send(&by_host, &api, post("/a")).await);
    deferred(send(&by_host, &api, post("/b")).await);
    assert_eq!(api.seen().len(), 1);
}

/// A worker would deliver it before the older one is stored, and the older one then overwrite it.
#[tokio::test(start_paused = true)]
async fn what_is_stored_directly_waits_for_the_call_of_its_key_that_is_under_way() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([503]).held();
    let mut older = task::spawn(service(&outbox, &api).oneshot(put("/orders/1")));
    assert_pending!(older.poll());
    let mut newer = task::spawn(outbox.enqueue(put("/orders/1")));
    assert_pending!(newer.poll());
    assert!(outbox.enqueue(put("/orders/2")).await.is_ok(), "another key waits for nothing");
    assert!(outbox.enqueue(post("/orders")).await.is_ok());
    api.release(1);
    let older = deferred(assert_ready!(older.poll()).unwrap());
    let newer = newer.await.unwrap().id();
    let of_the_key = |entry: &martello_outbox::Entry| entry.uri.path() == "/orders/1";
    let ids: Vec<_> =
        stored(&outbox).await.iter().filter(|entry| of_the_key(entry)).map(|entry| entry.id).collect();
    assert_eq!(ids, [newer, older]);
}
