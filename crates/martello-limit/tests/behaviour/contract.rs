//! The contract of `Service`, towards callers and towards the inner service.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_limit::{ConcurrencyLimitLayer, Release};
use martello_testkit::{Reply, Server, contract};

use crate::support::limit;

fn request() -> Request<Full<Bytes>> {
    Request::put("http://api.example/orders/1").body(Full::from("{}")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_holds_with_one_permit() {
    contract::check_layer(limit(1), request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_holds_with_five() {
    contract::check_layer(ConcurrencyLimitLayer::default(), request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_holds_with_keys() {
    let layer = ConcurrencyLimitLayer::builder().permits(1).by_authority().build().unwrap();
    contract::check_layer(layer.clone(), request).await.unwrap();
    assert_eq!((layer.usage().in_flight, layer.usage().keys), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn it_holds_with_a_release_at_the_head() {
    let layer = ConcurrencyLimitLayer::builder().permits(1).release(Release::Head).build().unwrap();
    contract::check_layer(layer, request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_holds_without_a_limit() {
    contract::check_layer(ConcurrencyLimitLayer::unlimited(), request).await.unwrap();
}

#[tokio::test]
async fn it_holds_over_hypers_client() {
    let server = Server::with(|_| Reply::ok().body("some")).await.unwrap();
    let uri = server.uri("/orders/1");
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = || Request::put(uri.clone()).body(Full::from("{}")).unwrap();
    contract::check_layer_over(limit(1), client, request).await.unwrap();
}
