//! How a client experiences each fault.

use std::{io, time::Duration};

use http::StatusCode;
use http_body_util::BodyExt;
use martello_testkit::{Reply, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::support::{client, post, raw, read, soon};

const GET: &str = "GET / HTTP/1.1\r\n\r\n";

/// A server with one scripted reply.
async fn giving(reply: Reply) -> Server {
    let server = Server::start().await.unwrap();
    server.reply(reply);
    server
}

/// What hyper-util's client receives: the status, and the body or its error.
async fn call(reply: Reply) -> Option<(StatusCode, Option<usize>)> {
    let server = giving(reply).await;
    let response = soon(client().request(post(server.uri("/"), "ask"))).await.ok()?;
    Some((response.status(), soon(read(response)).await.ok().map(|body| body.len())))
}

#[tokio::test]
async fn a_cut_body_breaks_off_after_so_many_bytes() {
    let server = giving(Reply::ok().body("0123456789").cut_after(4)).await;
    assert_eq!(raw(&server, GET).await.unwrap(), "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123");
    assert_eq!(call(Reply::ok().body("0123456789").cut_after(4)).await, Some((StatusCode::OK, None)));
    assert_eq!(
        call(Reply::ok().body("0123456789").chunked().cut_after(4)).await,
        Some((StatusCode::OK, None))
    );
}

#[tokio::test]
async fn a_reset_comes_before_the_head_or_within_the_body() {
    assert_eq!(call(Reply::reset()).await, None);
    assert_eq!(call(Reply::ok().body("0123456789").reset_after(4)).await, Some((StatusCode::OK, None)));
    for reply in [Reply::reset(), Reply::ok().body("0123456789").reset_after(4)] {
        let server = giving(reply).await;
        assert_eq!(raw(&server, GET).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_closed_connection_ends_in_order_and_without_an_answer() {
    assert_eq!(raw(&giving(Reply::close()).await, GET).await.unwrap(), "");
    assert_eq!(call(Reply::close()).await, None);
}

#[tokio::test]
async fn a_connection_closed_before_reading_leaves_the_body_unread() {
    let server = giving(Reply::close_before_reading()).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"");
    assert!(!server.requests()[0].complete);
}

#[tokio::test]
async fn a_stalled_body_says_nothing_more() {
    let server = giving(Reply::ok().body("0123456789").stall_after(4)).await;
    let response = client().get(server.uri("/")).await.unwrap();
    let mut body = response.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "0123");
    assert!(tokio::time::timeout(Duration::from_millis(30), body.frame()).await.is_err());
    assert_eq!(server.in_flight(), 1);
    drop(body);
    server.idle().await;
}

#[tokio::test]
async fn a_trickled_body_comes_in_pieces() {
    let trickled = |every| Reply::ok().body("0123456789").trickle(4, every);
    // The first piece arrives without waiting for the others,
    let server = giving(trickled(Duration::from_secs(60))).await;
    let mut body = client().get(server.uri("/")).await.unwrap().into_body();
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "0123");
    assert_eq!(server.in_flight(), 1);

    // which arrive slowly.
    let every = Duration::from_millis(20);
    let (server, start) = (giving(trickled(every)).await, Instant::now());
    let response = client().get(server.uri("/")).await.unwrap();
    assert_eq!(soon(read(response)).await.unwrap(), "0123456789");
    assert!(start.elapsed() >= 2 * every);
    server.idle().await;
}

#[tokio::test]
async fn a_declared_length_need_not_be_true() {
    assert_eq!(call(Reply::ok().body("abc").declare_length(10)).await, Some((StatusCode::OK, None)));
    assert_eq!(call(Reply::ok().body("abcdef").declare_length(3)).await, Some((StatusCode::OK, Some(3))));
}

#[tokio::test]
async fn an_early_answer_does_not_wait_for_the_body() {
    let server = giving(Reply::status(403).early()).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 22];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 403 Forbidden");
    assert!(!server.requests()[0].complete);
    // The server still reads the rest of the request, and the connection stays open.
    stream.write_all(b"abcGET /next HTTP/1.1\r\n\r\n").await.unwrap();
    server.received(2).await;
    assert_eq!((server.requests()[0].body.as_ref(), server.connections()), (b"abc".as_slice(), 1));
}

const EXPECTING: &str = "POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\nconnection: close\r\n\r\n";
const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn an_early_answer_to_a_request_that_waits_for_100_is_the_last_on_its_connection() {
    let server = giving(Reply::status(403).early()).await;
    assert_eq!(
        raw(&server, EXPECTING).await.unwrap(),
        "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    let received = server.requests().remove(0);
    assert_eq!((received.body.as_ref(), received.complete), (b"".as_slice(), false));
}

#[tokio::test]
async fn an_early_answer_comes_without_a_100_to_a_body_that_did_not_wait_for_it() {
    // However the bytes of the request are split into reads.
    for length in 0..70 {
        let server = giving(Reply::status(403).early()).await;
        let request = format!("{}abc{NEXT}", EXPECTING.replace("/ ", &format!("/{} ", "x".repeat(length))));
        let answer = raw(&server, &request).await.unwrap();
        assert_eq!(answer, format!("{FORBIDDEN}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
        assert_eq!(server.requests()[0].body, "abc");
    }
}

#[tokio::test]
async fn an_early_answer_after_a_scripted_100_waits_for_the_body() {
    let server = giving(Reply::status(403).interim(100).early()).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(EXPECTING.as_bytes()).await.unwrap();
    let mut answer = vec![0; 25 + FORBIDDEN.len()];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, format!("HTTP/1.1 100 Continue\r\n\r\n{FORBIDDEN}").as_bytes());
    stream.write_all(format!("abc{NEXT}").as_bytes()).await.unwrap();
    let mut next = Vec::new();
    soon(stream.read_to_end(&mut next)).await.unwrap();
    assert_eq!(next, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(server.requests()[0].body, "abc");
}

#[tokio::test]
async fn an_early_answer_is_the_only_one_though_the_body_is_malformed() {
    let server = giving(Reply::status(403).early()).await;
    let request = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    assert_eq!(raw(&server, request).await.unwrap(), FORBIDDEN);
}

#[tokio::test]
async fn an_early_answer_that_closes_is_not_lost_in_a_reset() {
    let server = giving(Reply::status(403).early().close_connection()).await;
    let body = "b".repeat(4 * 1024 * 1024);
    let request = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    assert!(
        raw(&server, &request).await.unwrap().starts_with("HTTP/1.1 403 Forbidden\r\nconnection: close\r\n")
    );
}

#[tokio::test]
async fn interim_responses_come_before_the_final_one() {
    let reply = Reply::ok().interim(102).interim(103).close_connection();
    let answer = raw(&giving(reply.clone()).await, GET).await.unwrap();
    let expected = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n\
        HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(answer, expected);
    assert_eq!(call(reply).await, Some((StatusCode::OK, Some(0))));
}

#[tokio::test]
async fn endless_headers_and_bodies_last_until_the_peer_leaves() {
    assert_eq!(call(Reply::endless_headers()).await, None);
    let server = giving(Reply::status(503).endless_body()).await;
    let mut body = client().get(server.uri("/")).await.unwrap().into_body();
    let mut bytes = 0;
    while bytes < 8 * 1024 * 1024 {
        bytes += soon(body.frame()).await.unwrap().unwrap().into_data().unwrap().len();
    }
    assert_eq!(server.in_flight(), 1);
    drop(body);
    server.idle().await;
}

#[tokio::test]
async fn raw_bytes_are_written_as_they_are() {
    let server = giving(Reply::raw("HTTP/9.9 nonsense\r\n\r\n")).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = vec![0; 21];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, b"HTTP/9.9 nonsense\r\n\r\n");
    assert_eq!(call(Reply::raw("HTTP/9.9 nonsense\r\n\r\n")).await, None);
}

#[tokio::test]
async fn header_values_are_not_checked() {
    let reply =
        Reply::ok().header("Trackingid", b"a\x1b[31m\x07").header("Trackingid", "b").close_connection();
    let answer = raw(&giving(reply).await, GET).await.unwrap();
    assert!(answer.contains("Trackingid: a\x1b[31m\x07\r\nTrackingid: b\r\n"), "{answer}");
}

#[tokio::test]
async fn after_a_101_the_server_is_silent() {
    let server = giving(Reply::status(101).header("upgrade", "x")).await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\nthis is not HTTP\r\n\r\n").await.unwrap();
    server.received(1).await;
    let mut answer = vec![0; 1024];
    let length = soon(stream.read(&mut answer)).await.unwrap();
    assert_eq!(&answer[..length], b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n");
    server.idle().await;
    assert!(tokio::time::timeout(Duration::from_millis(20), stream.read(&mut answer)).await.is_err());
}
