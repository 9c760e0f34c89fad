//! Older versions stored requests with URLs that are neither http nor https.

use std::convert::Infallible;

use http::{Request, Response};
use martello_body::Body;
use martello_outbox::{Outbox, Outcome, Reason, Store};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;
use tower::service_fn;

use crate::support::{entry, temp_store_path};

#[tokio::test]
async fn a_stored_request_with_another_scheme_becomes_a_dead_letter_and_is_never_sent() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let (script, good) = (entry(), entry());
    let (id, other) = (script.id, good.id);
    store.enqueue(vec![script]).await.unwrap();
    let sql = "UPDATE request SET url = 'javascript://api.example/%0aalert(1)'";
    assert_eq!(Connection::open(&path).unwrap().execute(sql, []).unwrap(), 1);
    store.enqueue(vec![good]).await.unwrap();

    let outbox = Outbox::new(store);
    let client = service_fn(|request: Request<Body>| async move {
        assert_eq!(request.uri().scheme_str(), Some("https"), "it must not be sent");
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let worker = outbox.worker(client).start();
    let ended = outbox.ticket(id).ended().await.unwrap();
    assert_eq!((ended.reason, ended.last_outcome), (Some(Reason::Rejected), Some(Outcome::Rejected)));
    let detail = outbox.detail(id).await.unwrap().unwrap();
    let fault = detail.attempts[0].fault.as_deref().unwrap();
    assert_eq!(fault, "the url must be absolute, with http or https and a host");
    assert_eq!(outbox.ticket(other).ended().await.unwrap().reason, None);
    assert_eq!(worker.shutdown().await.failures_in_row, 0);
}
