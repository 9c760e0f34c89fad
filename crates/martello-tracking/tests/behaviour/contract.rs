//! The contract of `Service`, kept towards both sides.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_outcome::CallerId;
use martello_testkit::{Reply, Server, contract};
use martello_tracking::{PropagateTrackingIdLayer, TrackingIds, TrackingLayer};

fn request() -> Request<Empty<Bytes>> {
    let id: CallerId = "mine".parse().expect("an id");
    let request = Request::builder().extension(TrackingIds::default()).extension(id);
    request.body(Empty::new()).expect("a request")
}

fn sending() -> TrackingLayer {
    TrackingLayer::builder().caller_id("x-correlation-id").build().expect("a layer")
}

#[tokio::test(start_paused = true)]
async fn it_holds_over_the_service_in_memory() {
    contract::check_layer(sending(), request).await.expect("the contract is kept");
    contract::check_layer(TrackingLayer::off(), request).await.expect("the contract is kept");
    contract::check_layer(PropagateTrackingIdLayer::default(), request).await.expect("the contract is kept");
}

/// Takes its time, and names the attempt.
async fn answer(_: Request<Empty<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    tokio::task::yield_now().await;
    let response = Response::builder().header("trackingid", "5f1c-77");
    Ok(response.body(Full::from("done")).expect("a response"))
}

#[tokio::test(start_paused = true)]
async fn it_holds_where_responses_have_an_id() {
    let client = tower::service_fn(answer);
    contract::check_layer_over(sending(), client, request).await.expect("the contract is kept");
    let server = tower::Layer::layer(&sending(), client);
    contract::check_layer_over(PropagateTrackingIdLayer::default(), server, request)
        .await
        .expect("the contract is kept");
}

#[tokio::test]
async fn it_holds_over_hypers_client() {
    let server =
        Server::with(|_| Reply::ok().header("trackingid", "5f1c-77").body("some")).await.expect("a server");
    let uri = server.uri("/orders/1");
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = || Request::get(uri.clone()).body(Empty::new()).expect("a request");
    contract::check_layer_over(sending(), client, request).await.expect("the contract is kept");
}
