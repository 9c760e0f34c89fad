//! Over real sockets.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_paginate::{JsonCursor, JsonLink, PageErrorKind, Paginate};
use martello_retry::RetryLayer;
use martello_testkit::{Reply, Server};
use tower::Layer;

#[tokio::test]
async fn a_page_that_breaks_off_is_no_page() {
    let server = Server::start().await.unwrap();
    let page = r#"{"data":[1,2]}"#;
    server.replies([Reply::ok().body(page).cut_after(9), Reply::ok().body(page)]);
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let pages = Paginate::new(http, JsonCursor::<u32>::new(server.uri("/")).unwrap());
    let mut items = Box::pin(pages.items());
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), PageErrorKind::Call);
    assert_eq!(items.try_collect::<Vec<_>>().await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn with_whole_responses_a_broken_page_is_an_attempt_that_failed() {
    let server = Server::start().await.unwrap();
    let next = format!("<{}>; rel=next", server.uri("/2"));
    server.replies([
        Reply::ok().header("link", &next).body("[1]").cut_after(1),
        Reply::ok().header("link", &next).body("[1]"),
        Reply::status(503),
        Reply::ok().body("[2]"),
    ]);
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let retry = RetryLayer::builder().backoff(Duration::from_millis(1), Duration::from_millis(1));
    let api = retry.whole_responses(1 << 20).build().unwrap().layer(http);
    let pages = Paginate::new(api, JsonLink::<u32>::new(server.uri("/1")).unwrap());
    assert_eq!(pages.items().try_collect::<Vec<_>>().await.unwrap(), [1, 2]);
    assert_eq!(server.requests().len(), 4);
}
