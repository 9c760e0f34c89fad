//! Which requests are sent, and how often, over real sockets.

use std::time::Duration;

use http_body_util::BodyExt;
use martello::{Attempts, ErrorKind, Outcome, Stack, Stacked, TrackingId};
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::{Http, http, quick, request};

#[tokio::test]
async fn a_503_is_sent_again_and_each_attempt_has_its_id() {
    let server = Server::start().await.unwrap();
    server.replies([
        Reply::status(503).header("trackingid", "first"),
        Reply::status(502).header("trackingid", "second"),
        Reply::status(201).header("trackingid", "third"),
    ]);
    let stack = quick().build().unwrap().layer(http());
    let response = stack.oneshot(request("PUT", server.uri("/orders/1"))).await.unwrap();
    assert_eq!(TrackingId::of(&response).unwrap().as_str(), "third");
    let ids = Attempts::of(&response).unwrap().iter().map(|attempt| attempt.tracking_id.unwrap().to_string());
    assert_eq!(ids.collect::<Vec<_>>(), ["first", "second", "third"]);
}

#[tokio::test]
async fn a_429_is_waited_out_whatever_the_method() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::status(429).header("retry-after", "0"));
    let response =
        quick().build().unwrap().layer(http()).oneshot(request("POST", server.uri("/orders"))).await.unwrap();
    assert_eq!((response.status().as_u16(), server.requests().len()), (200, 2));
}

#[tokio::test]
async fn a_post_is_not_sent_twice_after_a_reset_and_is_after_a_refused_connection() {
    let stack = quick().build().unwrap().layer(http());
    let server = Server::start().await.unwrap();
    server.reply(Reply::reset());
    let error = stack.clone().oneshot(request("POST", server.uri("/orders"))).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
    assert_eq!((error.attempts().len(), server.requests().len()), (1, 1));

    let refused = Server::refused().unwrap();
    let error = stack.oneshot(request("POST", refused.uri("/orders"))).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
    assert_eq!(error.attempts().len(), 4);
}

#[tokio::test]
async fn five_calls_of_two_large_503s_each_use_one_connection() {
    let server = Server::start().await.unwrap();
    let stack = quick().build().unwrap().layer(http());
    let large = || Reply::status(503).body(vec![b'-'; 512 * 1024]);
    for _ in 0..5 {
        server.replies([large(), large(), Reply::ok().body("done")]);
        let response = stack.clone().oneshot(request("PUT", server.uri("/orders/1"))).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "done");
    }
    assert_eq!((server.requests().len(), server.connections()), (15, 1));
}

#[tokio::test]
async fn a_body_that_is_cut_short_or_stalls_is_retried_under_whole_responses() {
    let server = Server::start().await.unwrap();
    let whole = || Reply::ok().body("the whole body");
    server.replies([whole().cut_after(3), whole().stall_after(3), whole()]);
    let idle = Duration::from_millis(200);
    let stack = quick().retry(|retry| retry.whole_responses(1024).idle_timeout(idle)).build().unwrap();
    let response = stack.layer(http()).oneshot(request("GET", server.uri("/"))).await.unwrap();
    assert_eq!(Attempts::of(&response).unwrap().len(), 3);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "the whole body");
}

#[tokio::test]
async fn a_body_that_stalls_ends_within_the_idle_timeout() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("the whole body").stall_after(3));
    let stack = quick().retry(|retry| retry.idle_timeout(Duration::from_millis(200))).build().unwrap();
    let response = stack.layer(http()).oneshot(request("GET", server.uri("/"))).await.unwrap();
    let start = tokio::time::Instant::now();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Body);
    assert!(start.elapsed() < Duration::from_secs(3));
}

/// Reading frame by frame needs an `Unpin` body, such as that of the client.
#[tokio::test]
async fn a_body_can_be_read_frame_by_frame() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("frames").trickle(3, Duration::from_millis(5)));
    let mut response =
        quick().build().unwrap().layer(http()).oneshot(request("GET", server.uri("/"))).await.unwrap();
    let mut read = Vec::new();
    while let Some(frame) = response.body_mut().frame().await {
        read.extend(frame.unwrap().into_data().unwrap());
    }
    assert_eq!(read, b"frames");
}

#[tokio::test]
async fn whatever_is_switched_off_it_is_one_type_and_passes_calls_through() {
    let server = Server::start().await.unwrap();
    let bare = || quick().without_retry().without_limit().without_log().without_tracking();
    let stacks: [Stacked<Http>; 6] = [
        quick().build(),
        quick().without_retry().build(),
        quick().without_limit().build(),
        quick().without_log().build(),
        quick().without_tracking().build(),
        bare().build(),
    ]
    .map(|layer| layer.unwrap().layer(http()));
    for (index, stack) in stacks.into_iter().enumerate() {
        server.reply(Reply::status(503).header("trackingid", "one"));
        let before = server.requests().len();
        let response = stack.oneshot(request("PUT", server.uri("/"))).await.unwrap();
        let attempts = server.requests().len() - before;
        let once = matches!(index, 1 | 5);
        assert_eq!((attempts, response.status().as_u16()), if once { (1, 503) } else { (2, 200) }, "{index}");
        let tracked = Attempts::of(&response).unwrap()[0].tracking_id.is_some();
        assert_eq!(tracked, !matches!(index, 4 | 5), "{index}");
    }
}

#[tokio::test]
async fn a_stack_without_retry_keeps_its_timeouts() {
    let server = Server::start().await.unwrap();
    server.reply(Reply::silence());
    let stack = Stack::new().retry(|retry| retry.attempt_timeout(Duration::from_millis(100))).without_retry();
    let error =
        stack.build().unwrap().layer(http()).oneshot(request("PUT", server.uri("/"))).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::AttemptTimeout, 1));
}
