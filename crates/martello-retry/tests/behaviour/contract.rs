//! The contract of `Service`, towards callers and towards the inner service.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_outcome::AttemptNumber;
use martello_retry::RetryLayer;
use martello_testkit::{ScriptedBody, Server, contract};

fn quick() -> RetryLayer {
    let ms = Duration::from_millis(1);
    let budget = martello_retry::Budget::new(10.0, 100_000, 100_000).unwrap();
    RetryLayer::builder().backoff(ms, ms).budget(budget).build().unwrap()
}

fn request() -> Request<Body> {
    Request::put("http://api.example/orders/1").body(Body::from("{}")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_holds_where_the_first_attempt_succeeds() {
    contract::check_layer(quick(), request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_holds_for_whole_responses() {
    let layer = RetryLayer::builder().whole_responses(1 << 20).build().unwrap();
    contract::check_layer(layer, request).await.unwrap();
}

/// Each attempt and each body takes some time.
async fn answer(request: Request<Body>) -> Result<Response<ScriptedBody>, std::io::Error> {
    tokio::task::yield_now().await;
    let body = ScriptedBody::new().data("some").pending().data("more").end();
    match AttemptNumber::of(request.extensions()) {
        1 => Ok(Response::builder().status(503).body(body).unwrap()),
        2 => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)),
        _ => Ok(Response::new(body)),
    }
}

#[tokio::test(start_paused = true)]
async fn it_holds_where_attempts_fail() {
    contract::check_layer_over(quick(), tower::service_fn(answer), request).await.unwrap();
}

#[tokio::test]
async fn it_holds_over_hypers_client() {
    let server = Server::with(|_| martello_testkit::Reply::ok().body("some")).await.unwrap();
    let uri = server.uri("/orders/1");
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = || Request::put(uri.clone()).body(Body::from(Bytes::from("{}"))).unwrap();
    contract::check_layer_over(quick(), client, request).await.unwrap();
}
