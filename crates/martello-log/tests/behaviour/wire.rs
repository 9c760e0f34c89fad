//! Over hyper's client and a real socket.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_log::LogLayer;
use martello_outcome::CallError;
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::{Recorder, Written};

async fn call(
    request: Request<Full<Bytes>>,
) -> Result<Response<impl Body<Data = Bytes, Error: std::fmt::Debug> + std::fmt::Debug>, CallError> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    LogLayer::calls().layer(LogLayer::attempts().layer(client)).oneshot(request).await
}

fn put(uri: http::Uri) -> Request<Full<Bytes>> {
    Request::put(uri).body(Full::from("{}")).unwrap()
}

#[track_caller]
fn ends(events: &[Written]) -> Vec<(&'static str, Option<&str>, Option<&str>)> {
    events.iter().map(|event| (event.target, event.get("outcome"), event.get("body_end"))).collect()
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_broken_for_the_attempt_and_the_call() {
    let recorder = Recorder::new();
    let server = Server::with(|_| Reply::ok().body("x".repeat(1_000)).cut_after(600)).await.unwrap();
    call(put(server.uri("/orders/1"))).await.unwrap().into_body().collect().await.unwrap_err();
    let events = recorder.events();
    let broken = |target| (target, Some("ambiguous"), Some("broken"));
    assert_eq!(ends(&events), [broken("martello::attempt"), broken("martello::call")]);
    assert_eq!(events[1].get("http.response.body.size"), Some("600"));
}

#[tokio::test]
async fn a_dropped_body_leaves_one_event_of_each() {
    let recorder = Recorder::new();
    let server = Server::with(|_| Reply::ok().body("x".repeat(100_000)).stall_after(10)).await.unwrap();
    drop(call(put(server.uri("/orders/1"))).await.unwrap());
    let dropped = |target| (target, Some("success"), Some("dropped"));
    assert_eq!(ends(&recorder.events()), [dropped("martello::attempt"), dropped("martello::call")]);
}

#[tokio::test]
async fn a_dropped_call_leaves_one_event_of_each() {
    let recorder = Recorder::new();
    let server = Server::with(|_| Reply::silence()).await.unwrap();
    tokio::select! {
        _ = call(put(server.uri("/orders/1"))) => panic!("the server is silent"),
        () = server.received(1) => {}
    }
    let cancelled = |target| (target, Some("cancelled"), None);
    assert_eq!(ends(&recorder.events()), [cancelled("martello::attempt"), cancelled("martello::call")]);
}

#[tokio::test]
async fn answers_without_a_body_end_at_the_head() {
    let recorder = Recorder::new();
    let server = Server::with(|_| Reply::status(204)).await.unwrap();
    let response = call(put(server.uri("/orders/1"))).await.unwrap();
    assert_eq!(recorder.events().len(), 2);
    drop(response);
    let head = |target| (target, Some("success"), None);
    assert_eq!(ends(&recorder.events()), [head("martello::attempt"), head("martello::call")]);
}

#[tokio::test]
async fn the_event_of_a_refused_connection_has_the_error() {
    let recorder = Recorder::new();
    let refused = Server::refused().unwrap();
    call(put(refused.uri("/orders/1"))).await.unwrap_err();
    let events = recorder.events();
    assert_eq!(events.len(), 2);
    assert!(
        events[0].get("exception.message").unwrap().to_lowercase().contains("connection refused"),
        "{events:?}"
    );
}
