//! A stored request is sent byte for byte as it was given.

use http::{HeaderMap, HeaderValue, Request};
use martello::{
    Body, Outbox, OutboxLayer, Sent, Stack,
    outbox::{MemoryStore, State, Store},
    sqlite::SqliteStore,
};
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::http;

/// Text in ISO 8859-1 and in UTF-8, every byte that a header value allows, and a repeated name.
fn values() -> [HeaderValue; 4] {
    let every: Vec<u8> = (0x21..=0x7e).chain(0x80..=0xff).collect();
    let values: [&[u8]; 4] = [b"caf\xe9", "Zo\u{eb} \u{1f9f1}".as_bytes(), &every, b"a\tb"];
    values.map(|value| HeaderValue::from_bytes(value).unwrap())
}

fn request(server: &Server, path: &str) -> Request<Body> {
    let mut request = Request::put(server.uri(path)).body(Body::from("\u{eb}")).unwrap();
    for value in values() {
        request.headers_mut().append("x-customer", value);
    }
    request
}

fn sent(headers: &HeaderMap) -> Vec<&HeaderValue> {
    headers.get_all("x-customer").iter().collect()
}

async fn arrive(store: impl Store + Clone) {
    let server =
        Server::with(|request| Reply::status(if request.sequence == 1 { 503 } else { 200 })).await.unwrap();
    let outbox = Outbox::new(store);
    let stack = Stack::new().without_retry().build().unwrap().layer(http());
    let sent_at_once = OutboxLayer::new(outbox.clone()).layer(stack.clone());
    let Sent::Deferred(deferred) = sent_at_once.oneshot(request(&server, "/orders/1")).await.unwrap() else {
        unreachable!("the server is down, and the order was not deferred");
    };
    let enqueued = outbox.enqueue(request(&server, "/orders/2")).await.unwrap();
    let worker = outbox.worker(stack).start();
    for ticket in [deferred, enqueued] {
        assert_eq!(ticket.ended().await.unwrap().state, State::Done);
    }
    worker.shutdown().await;
    let received = server.requests();
    assert_eq!(received.len(), 3);
    for request in received {
        assert_eq!(sent(&request.headers), values().iter().collect::<Vec<_>>());
        assert_eq!(request.body, "\u{eb}");
    }
}

#[tokio::test]
async fn headers_that_are_not_ascii_arrive_from_memory() {
    arrive(MemoryStore::new()).await;
}

#[tokio::test]
async fn headers_that_are_not_ascii_arrive_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("outbox.db")).await.unwrap();
    arrive(store.clone()).await;
    store.close().await;
}
