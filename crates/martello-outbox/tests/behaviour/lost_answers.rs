//! Over a real socket: a call whose first answer is lost, and whose next attempt meets what that one has done.

use std::time::Duration;

use http::{Method, Request};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, OutboxLayer, Sent};
use martello_outcome::{Attempts, Outcome};
use martello_retry::RetryLayer;
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::stored;

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
        let response = sent.delivered().unwrap();
        let attempts = Attempts::of(&response).unwrap();
        assert_eq!((response.status().as_u16(), attempts.outcome()), (status, Some(Outcome::Rejected)));
        assert_eq!(attempts.call_outcome(&Method::DELETE), Some(Outcome::Success));
    }
    assert_eq!(stored(&outbox).await, []);
}
