//! The server as a correct HTTP/1.1 peer: keep-alive, framing, records, start and stop.

use std::{io, time::Duration};

use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use martello_testkit::{Received, Reply, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::support::{client, post, raw, read, soon};

#[tokio::test]
async fn an_unscripted_request_is_answered_with_an_empty_200() {
    let server = Server::start().await.unwrap();
    let response = client().get(server.uri("/")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(read(response).await.unwrap(), "");
}

#[tokio::test]
async fn a_second_request_uses_the_same_connection() {
    let server = Server::start().await.unwrap();
    let client = client();
    for _ in 0..3 {
        read(client.get(server.uri("/")).await.unwrap()).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn scripted_replies_come_first_in_their_order_then_the_handler() {
    let server = Server::with(|request: &Received| Reply::ok().body(request.uri.to_string())).await.unwrap();
    server.reply(Reply::status(503).header("retry-after", "1").body(vec![0; 512 * 1024]));
    server.replies([Reply::status(504), Reply::status(404).body("gone")]);
    let client = client();
    let first = client.get(server.uri("/a")).await.unwrap();
    assert_eq!((first.status().as_u16(), first.headers()["retry-after"].as_bytes()), (503, b"1".as_slice()));
    assert_eq!(read(first).await.unwrap().len(), 512 * 1024);
    assert_eq!(client.get(server.uri("/b")).await.unwrap().status(), 504);
    assert_eq!(client.get(server.uri("/c")).await.unwrap().status(), 404);
    assert_eq!(read(client.get(server.uri("/d?e=f g")).await.unwrap()).await.unwrap(), "/d?e=f%20g");
    server.idle().await;
}

#[tokio::test]
async fn a_uri_is_cut_where_it_would_hold_more_than_65_534_bytes() {
    let server = Server::start().await.unwrap();
    let room = 65_534 - server.uri("/").to_string().len();
    let path = "x".repeat(room);
    assert_eq!(server.uri(&path).path(), format!("/{path}"));
    assert_eq!(server.uri(&format!("{path}x")).path(), format!("/{path}"));
    // Never within a percent-encoded byte.
    let path = "x".repeat(room - 2);
    assert_eq!(server.uri(&format!("{path} x")).path(), format!("/{path}"));
    assert_eq!(server.uri(&" ".repeat(room)).path(), format!("/{}", "%20".repeat(room / 3)));
}

#[tokio::test]
async fn a_request_is_recorded_whole() {
    let server = Server::start().await.unwrap();
    let client = client();
    client.request(post(server.uri("/orders?x=1"), "one")).await.unwrap();
    client.get(server.uri("/")).await.unwrap();
    let requests = server.requests();
    let first = &requests[0];
    assert_eq!(first.method, Method::POST);
    assert_eq!(first.uri, "/orders?x=1");
    assert_eq!(first.body, "one");
    assert_eq!(first.header("content-length"), Some("3"));
    assert!(first.complete);
    assert_eq!((first.connection, first.sequence), (1, 1));
    assert_eq!(requests[1].sequence, 2);
}

#[tokio::test]
async fn a_chunked_request_is_read_with_its_trailers() {
    let server = Server::start().await.unwrap();
    let request = "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
        3\r\nabc\r\n4;note=x\r\ndefg\r\n0\r\nchecksum: 7\r\n\r\n";
    assert!(raw(&server, request).await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
    let received = server.requests().remove(0);
    assert_eq!(received.body, "abcdefg");
    assert_eq!(received.trailers["checksum"], "7");
    assert!(received.complete);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_turn() {
    let server = Server::with(|request| Reply::ok().body(request.uri.to_string())).await.unwrap();
    let answer =
        raw(&server, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(answer.find("/1").unwrap() < answer.find("/2").unwrap());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn expect_continue_is_answered_before_the_body_is_sent() {
    let server = Server::start().await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let head = "PUT / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    soon(stream.read_exact(&mut interim)).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"ok").await.unwrap();
    let mut answer = [0; 15];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn what_is_not_http_gets_400_and_the_connection_is_closed() {
    let server = Server::start().await.unwrap();
    for bad in [
        "\u{1}\u{2}\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n",
    ] {
        let answer = raw(&server, bad).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"), "{bad:?}: {answer}");
    }
    server.idle().await;
}

#[tokio::test]
async fn too_much_is_refused() {
    let server = Server::start().await.unwrap();
    let declared = "POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n";
    assert!(raw(&server, declared).await.unwrap().starts_with("HTTP/1.1 413 "));
    let chunk = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nffffffff\r\n";
    assert!(raw(&server, chunk).await.unwrap().starts_with("HTTP/1.1 413 "));
    let head = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(64 * 1024));
    assert!(raw(&server, &head).await.unwrap().starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn responses_to_head_and_with_204_or_304_have_no_body() {
    let server = Server::start().await.unwrap();
    let client = client();
    server.replies([200, 204, 304].map(|status| Reply::status(status).body("never")));
    let head = Request::head(server.uri("/")).body(Full::default()).unwrap();
    let response = client.request(head).await.unwrap();
    assert_eq!(response.headers()["content-length"], "5");
    for expected in [204, 304] {
        let response = client.get(server.uri("/")).await.unwrap();
        assert_eq!(response.status(), expected);
        assert_eq!(read(response).await.unwrap(), "");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_chunked_body_arrives_with_its_trailers() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body(vec![7; 40_000]).trailer("checksum", "7"));
    let body = client().get(server.uri("/")).await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["checksum"], "7");
    assert_eq!(body.to_bytes(), vec![7; 40_000]);
}

#[tokio::test]
async fn requests_are_waited_for_without_polling() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::silence());
    let client = client();
    let call = client.get(server.uri("/"));
    tokio::select! {
        _ = call => panic!("the server must not respond"),
        () = server.received(1) => {}
    }
    // The call was dropped, and its connection and request with it.
    server.idle().await;
}

#[tokio::test]
async fn a_stopped_server_has_closed_its_port_and_its_connections() {
    // Another test may get the port as soon as it is free, but hardly ten times in a row.
    for _ in 0..10 {
        let server = Server::start().await.unwrap();
        server.reply(Reply::ok().body("0123456789").stall_after(4));
        let response = client().get(server.uri("/")).await.unwrap();
        let (address, uri) = (server.address(), server.uri("/"));
        server.stop().await;
        assert!(soon(read(response)).await.is_err());
        let gone = soon(client().get(uri.clone())).await;

        match Server::bind(address, |_| Reply::status(201)).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            again => {
                let _again = again.unwrap();
                assert!(gone.unwrap_err().is_connect());
                assert_eq!(client().get(uri).await.unwrap().status(), 201);
                return;
            }
        }
    }
    panic!("the port stays taken");
}

#[tokio::test]
async fn a_dropped_server_leaves_no_task_behind() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let server = Server::start().await.unwrap();
    server.reply(Reply::silence());
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    server.received(1).await;
    drop(server);
    let mut nothing = Vec::new();
    soon(stream.read_to_end(&mut nothing)).await.unwrap();
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}

#[tokio::test]
async fn a_refused_port_refuses_and_stays_taken() {
    let refused = Server::refused().unwrap();
    for _ in 0..2 {
        assert!(client().get(refused.uri("/")).await.unwrap_err().is_connect());
    }
    // No other socket can bind the port meanwhile.
    assert!(Server::bind(refused.address(), |_| Reply::ok()).await.is_err());
}

#[tokio::test]
async fn a_panicking_handler_closes_its_connection_and_the_server_lives_on() {
    let mut first = true;
    let server = Server::with(move |_| {
        assert!(!std::mem::take(&mut first), "this panic is part of the test");
        Reply::ok()
    })
    .await
    .unwrap();
    let client = client();
    assert!(client.request(post(server.uri("/"), "")).await.is_err());
    assert_eq!(client.get(server.uri("/")).await.unwrap().status(), 200);
    server.idle().await;
}

#[tokio::test]
async fn a_delay_comes_before_the_head_and_ends_early_when_the_peer_leaves() {
    let server = Server::start().await.unwrap();
    let (short, long) = (Duration::from_millis(30), Duration::from_secs(60));
    server.replies([short, long].map(|delay| Reply::ok().delay(delay)));
    let client = client();
    let start = Instant::now();
    soon(client.get(server.uri("/"))).await.unwrap();
    assert!(start.elapsed() >= short);

    assert!(tokio::time::timeout(short, client.get(server.uri("/"))).await.is_err());
    server.idle().await;
}
