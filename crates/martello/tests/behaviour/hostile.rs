//! A hostile server: memory and time are bounded, the outcome is clear, and nothing is logged unescaped.

use std::time::Duration;

use http_body_util::BodyExt;
use martello::{Attempts, ErrorKind, Outcome, TrackingId};
use martello_testkit::{Reply, Server};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::support::{Written, http, quick, request};

#[tokio::test]
async fn an_endless_head_is_an_ambiguous_fault() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::endless_headers());
    let stack = quick().build().unwrap().layer(http());
    let error = stack.oneshot(request("POST", server.uri("/"))).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
}

#[tokio::test]
async fn an_endless_503_is_dropped_at_the_limit_of_the_drain() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503).endless_body());
    let start = Instant::now();
    let response =
        quick().build().unwrap().layer(http()).oneshot(request("PUT", server.uri("/"))).await.unwrap();
    assert_eq!((response.status().as_u16(), server.connections()), (200, 2));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_overflowing_retry_after_ends_the_call_at_once() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(503).header("retry-after", "99999999999999999999"));
    let response =
        quick().build().unwrap().layer(http()).oneshot(request("PUT", server.uri("/"))).await.unwrap();
    assert_eq!((response.status().as_u16(), server.requests().len()), (503, 1));
}

#[tokio::test]
async fn an_invalid_id_is_neither_stored_nor_written() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    let long = "x".repeat(64 * 1024);
    for bad in [long.as_bytes(), b"a\tb", b"caf\xe9", b"two words", b""] {
        server.reply(Reply::ok().header("trackingid", bad));
        let response =
            quick().build().unwrap().layer(http()).oneshot(request("GET", server.uri("/"))).await.unwrap();
        assert_eq!(TrackingId::of(&response), None);
    }
    for fields in written.of("martello::call").into_iter().chain(written.of("martello::attempt")) {
        assert!(!fields.contains_key("tracking_id"), "{fields:?}");
        assert!(fields.values().all(|value| value.len() < 1_024), "{fields:?}");
    }
}

#[tokio::test]
async fn the_first_of_two_ids_is_the_id_of_the_attempt() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().header("trackingid", "own").header("trackingid", "propagated"));
    let response =
        quick().build().unwrap().layer(http()).oneshot(request("GET", server.uri("/"))).await.unwrap();
    assert_eq!(TrackingId::of(&response).unwrap().as_str(), "own");
}

#[tokio::test]
async fn a_body_shorter_than_declared_fails() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("short").declare_length(99).close_connection());
    let response =
        quick().build().unwrap().layer(http()).oneshot(request("GET", server.uri("/"))).await.unwrap();
    assert!(Attempts::of(&response).is_none());
    assert_eq!(response.into_body().collect().await.unwrap_err().kind(), ErrorKind::Body);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_an_ambiguous_fault() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::raw("\x1b[2J\r\n\r\n"));
    let stack = quick().build().unwrap().layer(http());
    let error = stack.oneshot(request("POST", server.uri("/"))).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
}
