//! Layers of tower and tower-http, around the call and around each attempt.

use std::time::Duration;

use http::{HeaderValue, header::AUTHORIZATION};
use martello::{CallerId, ErrorKind, Outcome};
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceBuilder, ServiceExt, timeout::TimeoutLayer};
use tower_http::{
    request_id::{MakeRequestUuid, RequestId, SetRequestIdLayer},
    set_header::SetRequestHeaderLayer,
};

use crate::support::{Written, http, quick, request};

#[tokio::test]
async fn what_belongs_to_each_attempt_goes_around_the_client() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503));
    let tokens = std::sync::atomic::AtomicU32::new(0);
    let tokens = std::sync::Arc::new(tokens);
    let token = move |_: &http::Request<martello::Body>| {
        let token = tokens.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        HeaderValue::from_str(&format!("Bearer {token}")).ok()
    };
    let client = ServiceBuilder::new()
        .layer(SetRequestHeaderLayer::overriding(AUTHORIZATION, token))
        .layer(TimeoutLayer::new(Duration::from_secs(5)))
        .service(http());
    let stack = quick().build().unwrap().layer(client);
    assert_eq!(stack.oneshot(request("PUT", server.uri("/"))).await.unwrap().status(), 200);
    let sent: Vec<_> =
        server.requests().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Bearer 0", "Bearer 1"]);
}

#[tokio::test]
async fn towers_timeout_around_each_attempt_is_an_ambiguous_fault() {
    let server = Server::start().await.unwrap();
    server.replies([Reply::silence(), Reply::ok()]);
    let client = TimeoutLayer::new(Duration::from_millis(100)).layer(http());
    let stack = quick().build().unwrap().layer(client);
    assert_eq!(stack.clone().oneshot(request("PUT", server.uri("/"))).await.unwrap().status(), 200);

    server.reply(Reply::silence());
    let error = stack.oneshot(request("POST", server.uri("/"))).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
    assert!(std::error::Error::source(&error).unwrap().is::<tower::timeout::error::Elapsed>());
}

#[tokio::test]
async fn what_belongs_to_the_call_goes_around_the_stack() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503));
    let id = |extensions: &http::Extensions| {
        extensions.get::<RequestId>().and_then(|id| CallerId::from_header(id.header_value()).ok())
    };
    let stack = quick().caller_id_with("x-correlation-id", id).build().unwrap();
    let service = ServiceBuilder::new()
        .concurrency_limit(10)
        .layer(TimeoutLayer::new(Duration::from_secs(30)))
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(stack)
        .service(http());
    let response = service.oneshot(request("PUT", server.uri("/"))).await.unwrap();
    assert_eq!(response.status(), 200);
    let sent = server.requests();
    let ids: Vec<_> = sent.iter().map(|request| request.header("x-correlation-id").unwrap()).collect();
    assert_eq!(ids[0], ids[1], "it names the call, not the attempt");
    let call = written.of("martello::attempt");
    assert!(call.iter().all(|record| record["caller_id"] == ids[0]), "{call:?}");
}
