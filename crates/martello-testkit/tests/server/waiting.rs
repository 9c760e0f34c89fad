//! A wait that times out panics with a message that names the requests that arrived.

use std::{
    panic::AssertUnwindSafe,
    sync::mpsc,
    time::{Duration, SystemTime},
};

use futures_util::FutureExt;
use martello_testkit::{Reply, Server};

use crate::support::{client, post, read, soon};

const SHORT: Duration = Duration::from_millis(100);

/// The message of a wait that must time out.
async fn failure(wait: impl Future<Output = ()>) -> String {
    let began = SystemTime::now();
    let panic = AssertUnwindSafe(wait).catch_unwind().await.unwrap_err();
    assert!(began.elapsed().unwrap() >= SHORT, "it has not waited");
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn it_waits_for_ten_seconds_unless_it_is_told_otherwise() {
    let server = Server::start().await.unwrap();
    assert_eq!(Server::WAIT_TIMEOUT, Duration::from_secs(10));
    assert!(format!("{server:?}").contains("wait_timeout: 10s"), "{server:?}");
    server.set_wait_timeout(SHORT);
    assert!(format!("{server:?}").contains("wait_timeout: 100ms"), "{server:?}");
}

#[tokio::test]
async fn a_wait_for_requests_fails_with_how_many_came_and_the_latest() {
    let server = Server::start().await.unwrap();
    server.set_wait_timeout(SHORT);
    let (message, line) = (failure(server.received(1)).await, line!());
    let place = format!("{}:{line}:", file!());
    let expected = format!("0 of 1 request arrived within 100ms on 0 connections; the wait is at {place}");
    assert!(message.starts_with(&expected), "{message}");
    assert!(message.ends_with("; to wait longer, call `Server::set_wait_timeout`"), "{message}");

    let client = client();
    client.get(server.uri("/orders/1?key=s3cret")).await.unwrap();
    let message = failure(server.received(2)).await;
    let expected =
        "1 of 2 requests arrived within 100ms on 1 connection; latest requests: GET /orders/1; the wait";
    assert!(message.starts_with(expected), "{message}");

    for order in 2..8 {
        read(client.request(post(server.uri(&format!("/orders/{order}")), "{}")).await.unwrap())
            .await
            .unwrap();
    }
    let long = format!("/{}", "x".repeat(1_000));
    client.get(server.uri(&long)).await.unwrap();
    server.received(8).await;
    let message = failure(server.received(9)).await;
    let latest = (4..8).map(|order| format!("POST /orders/{order}, ")).collect::<String>();
    assert!(
        message.contains(&format!("; latest requests: {latest}GET {}; the wait", &long[..100])),
        "{message}"
    );
}

#[tokio::test]
async fn a_wait_for_idleness_fails_with_what_is_in_flight() {
    let server = Server::start().await.unwrap();
    server.replies(vec![Reply::silence(); 7]);
    let client = client();
    let mut calls = Vec::new();
    for call in 1..=7 {
        let uri = server.uri(&format!("/calls/{call}?key=s3cret"));
        let mut request = Box::pin(client.request(post(uri, "{}")));
        tokio::select! {
            _ = &mut request => panic!("the server is silent"),
            () = server.received(call) => calls.push(request),
        }
    }
    server.set_wait_timeout(SHORT);
    let message = failure(server.idle()).await;
    let oldest = (1..=5).map(|call| format!("POST /calls/{call}, ")).collect::<String>();
    let expected = format!("7 requests are still in flight after 100ms: {oldest}and 2 more; the wait is at");
    assert!(message.starts_with(&expected), "{message}");

    calls.drain(1..);
    let left = async {
        while server.in_flight() > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon(left).await;
    let message = failure(server.idle()).await;
    assert!(
        message.starts_with("1 request is still in flight after 100ms: POST /calls/1; the wait"),
        "{message}"
    );
    calls.clear();
    server.set_wait_timeout(Server::WAIT_TIMEOUT);
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_fails_where_a_handler_does_not_return() {
    let (release, released) = mpsc::channel::<()>();
    let server = Server::with(move |_| {
        let _ = released.recv();
        Reply::ok()
    })
    .await
    .unwrap();
    let client = client();
    let mut call = Box::pin(client.get(server.uri("/stuck")));
    tokio::select! {
        _ = &mut call => panic!("the handler is stuck"),
        () = server.received(1) => {}
    }
    server.set_wait_timeout(SHORT);
    let message = failure(server.stop()).await;
    let expected =
        "the server did not stop within 100ms, because its handler has not returned for GET /stuck; the wait";
    assert!(message.starts_with(expected), "{message}");
    release.send(()).unwrap();
}

/// A runtime that waits for a socket counts as idle, so a paused clock would jump to tokio's next timer at
/// once.
#[tokio::test(start_paused = true)]
async fn a_paused_clock_shortens_no_wait_and_is_moved_by_none() {
    let server = Server::start().await.unwrap();
    let address = server.address();
    let (pause, paused) = mpsc::channel::<()>();
    let client = std::thread::spawn(move || {
        let _ = paused.recv_timeout(SHORT);
        std::io::Write::write_all(
            &mut std::net::TcpStream::connect(address).unwrap(),
            b"GET / HTTP/1.1\r\n\r\n",
        )
    });
    let began = tokio::time::Instant::now();
    server.received(1).await;
    server.idle().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    client.join().unwrap().unwrap();
    drop(pause);

    server.set_wait_timeout(SHORT);
    let message = failure(server.received(2)).await;
    assert!(message.starts_with("1 of 2 requests arrived within 100ms"), "{message}");
}
