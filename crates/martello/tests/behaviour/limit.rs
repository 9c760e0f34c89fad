//! At most five requests run concurrently.

use std::time::Duration;

use http_body_util::BodyExt;
use martello::{ConcurrencyLimitLayer, ErrorKind, Outcome, RetryLayer, Stack};
use martello_testkit::{Reply, Server};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};

use crate::support::{http, quick, request};

#[tokio::test]
async fn a_sixth_request_does_not_start_while_five_bodies_stream() {
    let server = Server::with(|_| Reply::ok().body("streaming").stall_after(3)).await.unwrap();
    let layer = quick().build().unwrap();
    let stack = layer.layer(http());
    let mut streaming = Vec::new();
    for _ in 0..5 {
        streaming.push(stack.clone().oneshot(request("GET", server.uri("/"))).await.unwrap());
    }
    let sixth = stack.oneshot(request("GET", server.uri("/")));
    let mut sixth = std::pin::pin!(sixth);
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut sixth).await.is_err());
    let usage = layer.limit().usage();
    assert_eq!((server.requests().len(), usage.open_bodies, usage.waiting), (5, 5, 1));

    drop(streaming.pop());
    sixth.await.unwrap();
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test]
async fn two_endpoints_that_share_a_limit_never_exceed_five_together() {
    let every = Duration::from_millis(2);
    let server = Server::with(move |_| Reply::ok().body(vec![b'-'; 40]).trickle(10, every)).await.unwrap();
    let five = ConcurrencyLimitLayer::default();
    let orders = quick().limit(five.clone()).build().unwrap().layer(http());
    let plans = quick().limit(five).without_retry().build().unwrap().layer(http());
    let mut calls = JoinSet::new();
    for call in 0..40 {
        let stack = if call % 2 == 0 { orders.clone() } else { plans.clone() };
        let request = request("GET", server.uri("/"));
        calls
            .spawn(async move { stack.oneshot(request).await.unwrap().into_body().collect().await.unwrap() });
    }
    assert_eq!(calls.join_all().await.len(), 40);
    assert_eq!((server.requests().len(), server.most_in_flight()), (40, 5));
}

#[tokio::test]
async fn no_permit_is_held_between_attempts() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503).header("retry-after", "1"));
    let one = ConcurrencyLimitLayer::new(1).unwrap();
    let stack = quick().limit(one).build().unwrap().layer(http());
    let mut waiting = std::pin::pin!(stack.clone().oneshot(request("PUT", server.uri("/slow"))));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    let response = stack.oneshot(request("PUT", server.uri("/quick"))).await.unwrap();
    assert_eq!((response.status().as_u16(), server.requests().len()), (200, 2));
    drop(response);
    assert_eq!(waiting.await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_limit_full_of_unread_bodies_names_them() {
    let answer = |_| async {
        let body = martello_testkit::ScriptedBody::new().data("unread").wait();
        Ok::<_, std::io::Error>(http::Response::new(body))
    };
    let stack = Stack::new().build().unwrap().layer(tower::service_fn(answer));
    let uri: http::Uri = "http://api.example/".parse().unwrap();
    let mut unread = Vec::new();
    for _ in 0..5 {
        unread.push(stack.clone().oneshot(request("GET", uri.clone())).await.unwrap());
    }
    let error = stack.oneshot(request("GET", uri)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::LimitWaitTimeout, Outcome::Unsent));
    let text = error.to_string();
    assert!(text.contains("5 of them by unread response bodies") && text.contains("30s"), "{text}");
}

#[tokio::test]
async fn a_request_whose_client_is_not_ready_blocks_no_other_and_is_not_sent() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("streaming").stall_after(3));
    let one = ConcurrencyLimitLayer::new(1).unwrap();
    let busy = tower::limit::ConcurrencyLimit::new(http(), 1);
    let soon = Duration::from_millis(200);
    let stack = || quick().limit(one.clone()).retry(|retry| retry.attempt_timeout(soon));
    let orders = stack().build().unwrap().layer(busy.clone());
    let plans = stack().build().unwrap().layer(http());

    let streaming = plans.clone().oneshot(request("GET", server.uri("/plans"))).await.unwrap();
    let mut order = std::pin::pin!(orders.oneshot(request("POST", server.uri("/orders"))));
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut order).await.is_err());
    let mut other = busy.clone();
    other.ready().await.unwrap();
    drop(streaming);
    // It holds its permit, and its client stays unready for longer than the attempt timeout.
    assert!(tokio::time::timeout(2 * soon, &mut order).await.is_err());
    let response = plans.oneshot(request("GET", server.uri("/plans"))).await.unwrap();
    assert_eq!(response.status(), 200);
    drop((response, other));
    assert_eq!(order.await.unwrap().status(), 200);
    let paths: Vec<_> = server.requests().iter().map(|request| request.uri.path().to_owned()).collect();
    assert_eq!(paths, ["/plans", "/plans", "/orders"]);
}

/// The log layer drops a body that failed, even if it is off. In this test no other layer drops it.
#[tokio::test]
async fn a_body_that_stalls_gives_its_permit_back_though_the_caller_keeps_it() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("streaming").stall_after(3));
    let retry = RetryLayer::builder().idle_timeout(Duration::from_millis(100)).build().unwrap();
    let one = ConcurrencyLimitLayer::new(1).unwrap();
    let stack = retry.layer(one.layer(http()));
    let mut kept = stack.clone().oneshot(request("GET", server.uri("/"))).await.unwrap().into_body();
    kept.frame().await.unwrap().unwrap();
    assert_eq!(one.usage().in_flight, 1);
    let error = kept.frame().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Body, Outcome::Ambiguous));
    assert_eq!(one.usage().in_flight, 0);
    let next = tokio::time::timeout(Duration::from_secs(5), stack.oneshot(request("GET", server.uri("/"))));
    assert_eq!(next.await.unwrap().unwrap().status().as_u16(), 200);
    drop(kept);
}
