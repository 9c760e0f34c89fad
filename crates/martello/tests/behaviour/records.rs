//! Each attempt writes one record, and so does each call.

use std::time::Duration;

use http_body_util::BodyExt;
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::{Written, http, quick, request};

const CALL: &str = "martello::call";
const ATTEMPT: &str = "martello::attempt";

#[tokio::test]
async fn a_call_of_three_attempts_writes_three_and_one() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    let id = |status: u16, id: &str| Reply::status(status).header("trackingid", id).body("body");
    server.replies([id(503, "first"), id(504, "second"), id(200, "third")]);
    let stack = quick().build().unwrap().layer(http());
    let response = stack.oneshot(request("PUT", server.uri("/orders/1?token=hidden"))).await.unwrap();
    response.into_body().collect().await.unwrap();

    let attempts = written.of(ATTEMPT);
    let of = |field: &str| attempts.iter().map(|fields| fields.get(field).cloned()).collect::<Vec<_>>();
    assert_eq!(of("tracking_id"), ["first", "second", "third"].map(|id| Some(id.to_owned())));
    assert_eq!(of("body_end"), ["drained", "drained", "complete"].map(|end| Some(end.to_owned())));
    assert_eq!(of("outcome"), ["unavailable", "unavailable", "success"].map(|end| Some(end.to_owned())));
    let [call] = &written.of(CALL)[..] else { panic!("not one: {:?}", written.of(CALL)) };
    assert_eq!((call["outcome"].as_str(), call["attempts"].as_str()), ("success", "3"));
    assert!(call["url.full"].contains("/orders/1") && !call["url.full"].contains("hidden"), "{call:?}");
}

#[tokio::test]
async fn a_dropped_call_writes_one_of_each() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    server.reply(Reply::silence());
    let stack = quick().build().unwrap().layer(http());
    let call = stack.oneshot(request("PUT", server.uri("/")));
    assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
    assert_eq!((written.of(ATTEMPT).len(), written.of(CALL).len()), (1, 1));
    assert_eq!(
        (&*written.of(ATTEMPT)[0]["outcome"], &*written.of(CALL)[0]["outcome"]),
        ("cancelled", "cancelled")
    );
}

#[tokio::test]
async fn a_call_that_is_dropped_between_attempts_writes_what_it_went_through() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    server.replies([Reply::status(503), Reply::status(503).header("retry-after", "30")]);
    let stack = quick().build().unwrap().layer(http());
    let call = stack.oneshot(request("PUT", server.uri("/")));
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    let [call] = &written.of(CALL)[..] else { panic!("not one: {:?}", written.of(CALL)) };
    assert_eq!((call["outcome"].as_str(), call["attempts"].as_str()), ("cancelled", "2"));
    assert_eq!(written.of(ATTEMPT).len(), 2);
}

#[tokio::test]
async fn a_dropped_body_and_a_broken_one_write_one_of_each() {
    for (reply, end) in [
        (Reply::ok().body("the whole body").stall_after(3), "dropped"),
        (Reply::ok().body("the whole body").cut_after(3), "broken"),
    ] {
        let (written, _guard) = Written::listen();
        let server = Server::start().await.unwrap();
        server.reply(reply);
        let response =
            quick().build().unwrap().layer(http()).oneshot(request("GET", server.uri("/"))).await.unwrap();
        assert_eq!(written.of(CALL).len(), 0, "the body is still there");
        if end == "dropped" {
            drop(response);
        } else {
            response.into_body().collect().await.unwrap_err();
        }
        for target in [ATTEMPT, CALL] {
            let [record] = &written.of(target)[..] else { panic!("not one: {:?}", written.of(target)) };
            assert_eq!(record["body_end"], end, "{target}");
        }
    }
}

#[tokio::test]
async fn outcomes_are_those_of_the_retry() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(500));
    let stack = quick().retry(|retry| retry.unavailable([500])).build().unwrap().layer(http());
    stack.oneshot(request("PUT", server.uri("/"))).await.unwrap();
    assert_eq!(written.of(ATTEMPT)[0]["outcome"], "unavailable");
}

/// A record that is written in `drop` is also written while the thread unwinds, where a second panic would
/// abort.
#[tokio::test]
async fn a_call_that_a_panic_drops_writes_one_of_each_and_gives_its_permit_back() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    server.reply(Reply::silence());
    let layer = quick().build().unwrap();
    let call = layer.layer(http()).oneshot(request("PUT", server.uri("/")));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let mut call = std::pin::pin!(call);
        let early = tokio::time::timeout(Duration::from_millis(100), &mut call).await;
        assert!(early.is_ok(), "of the user's own");
    });
    assert!(tasks.join_next().await.unwrap().unwrap_err().is_panic());
    assert_eq!((written.of(ATTEMPT).len(), written.of(CALL).len()), (1, 1));
    assert_eq!(layer.limit().usage().in_flight, 0);
}
