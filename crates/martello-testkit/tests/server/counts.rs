//! The server's counts are exact.

use std::io::{Read, Write};

use martello_testkit::{Reply, Server};

use crate::support::{client, read, soon};

#[tokio::test]
async fn a_body_in_transit_is_in_flight() {
    let server = Server::start().await.unwrap();
    server.replies(vec![Reply::ok().body("0123456789").stall_after(4); 5]);
    let client = client();
    let mut bodies = Vec::new();
    for expected in 1..=5 {
        bodies.push(client.get(server.uri("/")).await.unwrap().into_body());
        assert_eq!(server.in_flight(), expected);
    }
    bodies.clear();
    server.idle().await;
    assert_eq!((server.in_flight(), server.most_in_flight(), server.connections()), (0, 5, 5));
}

#[tokio::test]
async fn a_large_unread_body_is_in_flight_until_it_is_read() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body(vec![0; 32 * 1024 * 1024]));
    let response = client().get(server.uri("/")).await.unwrap();
    assert_eq!(server.in_flight(), 1);
    assert_eq!(soon(read(response)).await.unwrap().len(), 32 * 1024 * 1024);
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_response_is_counted_out_before_its_end_can_be_seen() {
    let server = Server::start().await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(std::net::TcpStream::connect(server.address()).unwrap());
    }
    // A blocking thread reacts faster than any task: it sends the next request before the server's task
    // continues.
    let requests = std::thread::spawn(move || {
        for turn in 0..4_000 {
            let stream = &mut streams[turn % 4];
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            let mut answer = [0; 38];
            stream.read_exact(&mut answer).unwrap();
            assert!(answer.ends_with(b"\r\n\r\n"));
        }
    });
    server.received(4_000).await;
    requests.join().unwrap();
    server.idle().await;
    assert_eq!(server.most_in_flight(), 1);
}

#[tokio::test]
async fn the_latest_requests_are_kept_and_all_are_counted() {
    let server = Server::start().await.unwrap();
    let client = client();
    for _ in 0..10_001 {
        client.get(server.uri("/")).await.unwrap();
    }
    let requests = server.requests();
    assert_eq!((requests.len(), requests[0].sequence), (10_000, 2));
    server.received(10_001).await;
}
