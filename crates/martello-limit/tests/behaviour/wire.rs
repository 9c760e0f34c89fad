//! Over real sockets, as the server sees it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_limit::{ConcurrencyLimitLayer, Release};
use martello_testkit::{Reply, Server};
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};

/// Sends twenty concurrent requests through two services of the layer, and reads their slow bodies.
async fn most_in_flight(layer: ConcurrencyLimitLayer) -> usize {
    let trickled = || Reply::ok().body(vec![b'x'; 40]).trickle(10, Duration::from_millis(10));
    let server = Server::with(move |_| trickled()).await.unwrap();
    let services =
        [(); 2].map(|()| layer.layer(Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>()));
    let mut calls = JoinSet::new();
    for number in 0..20 {
        let service = services[number % 2].clone();
        let request = Request::get(server.uri("/plannings")).body(Empty::new()).unwrap();
        calls.spawn(async move {
            let response = service.oneshot(request).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes().len()
        });
    }
    assert_eq!(calls.join_all().await, [40; 20]);
    assert_eq!(layer.usage().in_flight, 0);
    server.most_in_flight()
}

#[tokio::test]
async fn twenty_requests_with_slow_bodies_are_never_more_than_five() {
    assert_eq!(most_in_flight(ConcurrencyLimitLayer::default()).await, 5);
}

#[tokio::test]
async fn they_are_more_than_five_if_the_permit_returns_with_the_head() {
    let layer = ConcurrencyLimitLayer::builder().release(Release::Head).build().unwrap();
    assert!(most_in_flight(layer).await > 5);
}

#[tokio::test]
async fn a_body_that_is_truncated_returns_its_permit() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body(vec![b'x'; 1000]).cut_after(10));
    let layer = ConcurrencyLimitLayer::new(1).unwrap();
    let client = layer.layer(Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>());
    let request = || Request::get(server.uri("/")).body(Empty::new()).unwrap();
    let broken = client.clone().oneshot(request()).await.unwrap();
    broken.into_body().collect().await.unwrap_err();
    assert_eq!(client.oneshot(request()).await.unwrap().status(), 200);
}
