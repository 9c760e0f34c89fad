//! What is secret in a request's headers reaches no stored byte: not through the door, not by enqueueing, not by an edit.

use std::path::Path;

use http::{HeaderValue, Request};
use martello::{
    Body, Outbox, OutboxLayer, Sent, Stack,
    outbox::{Change, EntryId, Filter, State, Store},
    sqlite::SqliteStore,
};
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::http;

const SECRETS: [&str; 4] = ["c2VjcmV0LTE3", "cookie-secret-18", "key-secret-19", "marked-secret-20"];

/// A request that bears a secret in each way that there is, and two things that are none.
fn secretive(request: Request<&'static str>) -> Request<Body> {
    let (mut parts, body) = request.into_parts();
    let mut add = |name: &'static str, value: String| {
        parts.headers.insert(name, HeaderValue::from_str(&value).unwrap());
    };
    add("authorization", format!("Bearer {}", SECRETS[0]));
    add("cookie", format!("session={}", SECRETS[1]));
    add("x-api-key", SECRETS[2].to_owned());
    add("x-tenant", "tenant-of-old".to_owned());
    let mut marked = HeaderValue::from_static(SECRETS[3]);
    marked.set_sensitive(true);
    parts.headers.insert("x-internal", marked);
    Request::from_parts(parts, Body::from(body))
}

/// Whether any file of the directory holds these bytes.
fn is_stored(directory: &Path, bytes: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|file| {
        let stored = std::fs::read(file.unwrap().path()).unwrap();
        stored.windows(bytes.len()).any(|window| window == bytes.as_bytes())
    })
}

async fn dies(outbox: &Outbox, id: EntryId) {
    let again = Request::put("http://api.example/orders/17").body("the corrected order").unwrap();
    outbox.store().change(id, Change::Bury).await.unwrap();
    outbox.edit(id, secretive(again)).await.unwrap();
}

#[tokio::test]
async fn no_stored_byte_is_a_secret() {
    let server = Server::with(|_| Reply::status(503)).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("outbox.db")).await.unwrap();
    let outbox = Outbox::new(store.clone());
    let once = Stack::new().without_retry().build().unwrap().layer(http());
    let orders = OutboxLayer::new(outbox.clone()).layer(once);

    let request = Request::put(server.uri("/orders/17")).body("the deferred order").unwrap();
    let Sent::Deferred(ticket) = orders.clone().oneshot(secretive(request)).await.unwrap() else {
        panic!("the server is down, and the order was not deferred");
    };
    let request = Request::post(server.uri("/orders")).body("the enqueued order").unwrap();
    outbox.enqueue(secretive(request)).await.unwrap();
    dies(&outbox, ticket.id()).await;

    assert!(server.requests().iter().all(|request| request.headers.contains_key("authorization")));
    assert_eq!(store.count(Filter::state(State::Dead)).await.unwrap(), 1);
    let seen = |what| is_stored(directory.path(), what);
    for told in ["the deferred order", "the enqueued order", "the corrected order", "tenant-of-old"] {
        assert!(seen(told), "{told:?} can be found, as what is secret could be");
    }
    for secret in SECRETS {
        assert!(!seen(secret), "{secret} is in the log");
    }
    store.close().await;
    for secret in SECRETS {
        assert!(!seen(secret), "{secret} is in the file");
    }
}
