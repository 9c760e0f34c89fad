//! Over real sockets, with hyper-util's client.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_outcome::{Attempts, CallError, ErrorKind, Outcome};
use martello_retry::{RetryBody, RetryBuilder, RetryLayer};
use martello_testkit::{Reply, ScriptedBody, Server};
use tower::{Layer, ServiceExt};

type Response = http::Response<RetryBody<hyper::body::Incoming>>;

fn quick() -> RetryBuilder {
    RetryLayer::builder().backoff(Duration::from_millis(10), Duration::from_millis(10)).jitter(0.0)
}

async fn send(layer: &RetryLayer, method: &str, uri: Uri, body: Body) -> Result<Response, CallError> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::builder().method(method).uri(uri).body(body).unwrap();
    layer.layer(client).oneshot(request).await
}

#[tokio::test]
async fn large_503s_reuse_one_connection() {
    let server = Server::start().await.unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let service = quick().build().unwrap().layer(client);
    let large = || Reply::status(503).body(vec![b'x'; 512 * 1024]);
    for call in 1..=5 {
        server.replies([large(), large(), Reply::ok()]);
        let request = Request::put(server.uri("/orders/1")).body(Body::from("{}")).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap();
        assert_eq!(server.requests().len(), 3 * call);
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_endless_503_costs_its_connection_and_no_more_than_the_drain() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503).endless_body());
    let layer = quick().drain(64 * 1024, Duration::from_millis(200)).build().unwrap();
    let response = send(&layer, "PUT", server.uri("/"), Body::empty()).await.unwrap();
    assert_eq!((response.status().as_u16(), server.connections()), (200, 2));
}

#[tokio::test]
async fn a_body_that_stalls_takes_no_attempt_beyond_the_deadline() {
    let server = Server::start().await.unwrap();
    let stalling = || Reply::status(429).header("retry-after", "0").body("slow down").stall_after(3);
    let layer = quick().retry_too_many_requests().deadline(Duration::from_millis(300)).build().unwrap();
    server.replies([stalling(), Reply::ok()]);
    let response = send(&layer, "POST", server.uri("/"), Body::from("{}")).await.unwrap();
    assert_eq!((response.status().as_u16(), server.requests().len()), (200, 2));

    // Each attempt has less time, and there is none for a last attempt that would end as ambiguous.
    server.replies([stalling(), stalling(), stalling(), stalling()]);
    match send(&layer, "POST", server.uri("/"), Body::from("{}")).await {
        Ok(response) => assert_eq!(response.status(), 429),
        Err(error) => assert_eq!((error.kind(), error.outcome()), (ErrorKind::Deadline, Outcome::Faulty)),
    }
}

#[tokio::test]
async fn after_a_reset_a_put_is_retried_and_a_post_is_not() {
    for (method, expected) in [("POST", 1), ("PUT", 2)] {
        let server = Server::start().await.unwrap();
        server.reply(Reply::reset());
        let result = send(&quick().build().unwrap(), method, server.uri("/"), Body::from("{}")).await;
        assert_eq!(server.requests().len(), expected, "{method}");
        if method == "POST" {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
        } else {
            assert_eq!(result.unwrap().status(), 200);
        }
    }
}

#[tokio::test]
async fn a_post_is_retried_after_a_refused_connection() {
    let refused = Server::refused().unwrap();
    let error =
        send(&quick().build().unwrap(), "POST", refused.uri("/"), Body::from("{}")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
    assert_eq!(error.attempts().len(), 4);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503).header("retry-after", "1"));
    let start = tokio::time::Instant::now();
    let response = send(&quick().build().unwrap(), "PUT", server.uri("/"), Body::empty()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_stream_that_is_answered_early_is_sent_whole_by_the_second_attempt() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503).early().close_connection());
    let stream = ScriptedBody::new().data("one ").wait().data("two").end();
    let handle = stream.handle();
    let layer = quick().build().unwrap();
    let call = send(&layer, "PUT", server.uri("/"), Body::new(stream));
    let release = async {
        server.received(2).await;
        handle.release();
    };
    let (response, ()) = tokio::join!(call, release);
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(server.requests()[1].body, Bytes::from("one two"));
}

#[tokio::test]
async fn a_replayed_stream_declares_the_length_of_the_original() {
    let server = Server::start().await.unwrap();
    server.replies([Reply::status(503), Reply::status(503)]);
    let stream = http_body_util::Full::new(Bytes::from("twelve bytes"));
    send(&quick().build().unwrap(), "PUT", server.uri("/"), Body::new(stream)).await.unwrap();
    for request in server.requests() {
        assert_eq!((request.header("content-length"), &request.body[..]), (Some("12"), &b"twelve bytes"[..]));
    }
}

#[tokio::test]
async fn a_body_that_is_cut_short_or_stalls_is_retried_under_whole_responses() {
    let server = Server::start().await.unwrap();
    let long = || Reply::ok().body("the whole body");
    server.replies([
        long().cut_after(5),
        long().stall_after(5),
        long().declare_length(99).close_connection(),
        long(),
    ]);
    let layer = quick().whole_responses(1024).idle_timeout(Duration::from_millis(200)).build().unwrap();
    let response = send(&layer, "GET", server.uri("/"), Body::empty()).await.unwrap();
    assert_eq!(Attempts::of(&response).unwrap().len(), 4);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "the whole body");
}

#[tokio::test]
async fn without_whole_responses_a_stalled_body_ends_within_the_idle_timeout() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("the whole body").stall_after(5));
    let layer = quick().idle_timeout(Duration::from_millis(200)).build().unwrap();
    let response = send(&layer, "GET", server.uri("/"), Body::empty()).await.unwrap();
    let start = tokio::time::Instant::now();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Body);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_server_with_endless_headers_gets_no_more_than_the_attempts() {
    let server = Server::start().await.unwrap();
    server.replies([Reply::endless_headers(), Reply::endless_headers()]);
    let layer = quick().attempts(2).attempt_timeout(Duration::from_secs(5)).build().unwrap();
    let error = send(&layer, "GET", server.uri("/"), Body::empty()).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
    assert_eq!(error.attempts().len(), 2);
}

#[tokio::test]
async fn interim_responses_do_not_end_an_attempt() {
    let server = Server::start().await.unwrap();
    server.replies([Reply::status(503).interim(103), Reply::ok().interim(103).interim(100)]);
    let response = send(&quick().build().unwrap(), "PUT", server.uri("/"), Body::empty()).await.unwrap();
    assert_eq!(Attempts::of(&response).unwrap().len(), 2);
}
