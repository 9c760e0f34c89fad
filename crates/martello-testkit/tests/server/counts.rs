//! The counts are exact.

use http_body_util::BodyExt;
use martello_testkit::{Reply, Server};
use tokio::task::JoinSet;

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
    soon(server.idle()).await;
    assert_eq!(
        (server.in_flight(), server.most_in_flight(), server.connections()),
        (0, 5, 5)
    );
}

#[tokio::test]
async fn a_large_unread_body_is_in_flight_until_it_is_read() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body(vec![0; 32 * 1024 * 1024]));
    let response = client().get(server.uri("/")).await.unwrap();
    assert_eq!(server.in_flight(), 1);
    assert_eq!(soon(read(response)).await.unwrap().len(), 32 * 1024 * 1024);
    soon(server.idle()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_each_end_is_never_counted_twice() {
    let server = Server::start().await.unwrap();
    let client = client();
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        let (client, uri) = (client.clone(), server.uri("/"));
        tasks.spawn(async move {
            for _ in 0..500 {
                let mut body = client.get(uri.clone()).await.unwrap().into_body();
                while body.frame().await.is_some() {}
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    assert_eq!(server.requests().len(), 1000);
    assert!(
        server.most_in_flight() <= 2,
        "{} in flight",
        server.most_in_flight()
    );
    soon(server.idle()).await;
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
    soon(server.received(10_001)).await;
}
