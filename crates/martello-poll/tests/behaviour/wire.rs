//! Over real sockets, with the stack that it is meant for.

use std::time::Duration;

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_poll::{FileCheckpoint, JsonCursor, JsonSince, Poller};
use martello_retry::RetryLayer;
use martello_testkit::{Reply, Server};
use tower::Layer;

use crate::support::{Seen, batch, item, next};

#[tokio::test]
async fn what_breaks_on_the_wire_is_tried_again_by_the_stack_and_is_no_failed_poll() {
    let server = Server::start().await.unwrap();
    let first = format!(r#"{{"data":[{}],"cursor":{{"next":"b"}}}}"#, item("a", "09:00:00"));
    let last = format!(r#"{{"data":[{}],"cursor":{{}}}}"#, item("b", "09:00:00"));
    server.replies([
        Reply::status(503),
        Reply::ok().body(first.clone()).cut_after(20),
        Reply::ok().body(first),
        Reply::reset(),
        Reply::ok().body(last),
    ]);
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let retry = RetryLayer::builder().backoff(Duration::from_millis(1), Duration::from_millis(1));
    let api = retry.whole_responses(1 << 20).build().unwrap().layer(http);
    let source = JsonSince::new(server.uri("/p"), JsonCursor::new).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut poller = Poller::new(api, source, FileCheckpoint::new(folder.path().join("checkpoint")));
    assert_eq!(next(&mut poller).await, batch(&["a"]));
    assert_eq!(next(&mut poller).await, batch(&["b"]));
    assert_eq!(next(&mut poller).await, Seen::CaughtUp(2));
    assert_eq!(server.requests().len(), 5);
}
