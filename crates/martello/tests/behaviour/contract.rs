//! The whole stack keeps the contract of `Service`.

use http::Uri;
use martello::{Body, ConcurrencyLimitLayer};
use martello_testkit::{Reply, Server, contract};

use crate::support::{http, quick, request};

fn request_in_memory() -> http::Request<Body> {
    request("PUT", Uri::from_static("http://api.example/orders/1"))
}

#[tokio::test(start_paused = true)]
async fn it_holds_in_memory() {
    let one = ConcurrencyLimitLayer::new(1).unwrap();
    contract::check_layer(quick().limit(one).build().unwrap(), request_in_memory).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_holds_with_everything_switched_off() {
    let bare = quick().without_retry().without_limit().without_log().without_tracking();
    contract::check_layer(bare.build().unwrap(), request_in_memory).await.unwrap();
}

#[tokio::test]
async fn it_holds_over_hypers_client() {
    let server = Server::with(|_| Reply::ok().body("some")).await.unwrap();
    let uri = server.uri("/orders/1");
    let one = ConcurrencyLimitLayer::new(1).unwrap();
    let stack = quick().limit(one).build().unwrap();
    contract::check_layer_over(stack, http(), || request("PUT", uri.clone())).await.unwrap();
}
