//! The same over real sockets, and with an outbox worker over the stack.

use std::time::Duration;

use http_body_util::BodyExt;
use martello::{
    Attempts, Outbox, Stack,
    outbox::{AttemptRecord, MemoryStore, WorkerOptions},
};
use martello_testkit::{Reply, Server};
use tower::{Layer, ServiceExt};

use crate::support::{Written, http, quick, request};

const SHORT: Duration = Duration::from_millis(150);

/// The outcome and the error type of each attempt's event.
fn recorded(written: &Written) -> Vec<(String, Option<String>)> {
    let events = written.of("martello::attempt");
    events.iter().map(|event| (event["outcome"].clone(), event.get("error.type").cloned())).collect()
}

fn words(expected: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    expected.iter().map(|(outcome, kind)| ((*outcome).to_owned(), kind.map(str::to_owned))).collect()
}

#[tokio::test]
async fn an_attempt_that_timed_out_is_followed_by_one_that_does_not() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    server.replies([Reply::silence(), Reply::ok()]);
    let stack = quick().retry(|retry| retry.attempt_timeout(SHORT)).build().unwrap().layer(http());
    let response = stack.oneshot(request("PUT", server.uri("/"))).await.unwrap();
    let outcomes = Attempts::of(&response).unwrap().iter().map(|attempt| attempt.outcome.to_string());
    assert_eq!(outcomes.collect::<Vec<_>>(), ["ambiguous", "success"]);
    let expected = [("ambiguous", Some("attempt_timeout")), ("success", None)];
    assert_eq!(recorded(&written), words(&expected));
}

#[tokio::test]
async fn a_whole_body_that_stalls_or_is_too_large_is_broken() {
    for (reply, expected) in [
        (Reply::ok().body("the body").stall_after(3), [("ambiguous", Some("body"))]),
        (Reply::ok().body("the body that is too large"), [("success", Some("body"))]),
        (Reply::ok().endless_body(), [("success", Some("body"))]),
    ] {
        let (written, _guard) = Written::listen();
        let server = Server::start().await.unwrap();
        server.reply(reply);
        let stack = Stack::new().without_retry().retry(|retry| retry.whole_responses(20).idle_timeout(SHORT));
        let stack = stack.build().unwrap().layer(http());
        let error = stack.oneshot(request("GET", server.uri("/"))).await.unwrap_err();
        assert_eq!(recorded(&written), words(&expected));
        assert_eq!(error.outcome().as_str(), expected[0].0);
        assert_eq!(error.attempts().outcome(), Some(error.outcome()));
        assert_eq!(written.of("martello::attempt")[0]["body_end"], "broken");
    }
}

#[tokio::test]
async fn a_body_that_stalls_while_it_is_read_is_broken() {
    let (written, _guard) = Written::listen();
    let server = Server::start().await.unwrap();
    server.reply(Reply::ok().body("the body").stall_after(3));
    let stack = quick().retry(|retry| retry.idle_timeout(SHORT)).build().unwrap().layer(http());
    let response = stack.oneshot(request("GET", server.uri("/"))).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(recorded(&written), words(&[(error.outcome().as_str(), Some(error.kind().as_str()))]));
}

/// How a worker records its first attempt to deliver a request that the server does not answer.
async fn delivered(options: WorkerOptions, stopped_after: Duration) -> AttemptRecord {
    let server = Server::with(|_| Reply::silence()).await.unwrap();
    let outbox = Outbox::new(MemoryStore::new());
    let stack = Stack::new().without_retry().build().unwrap().layer(http());
    let id = outbox.enqueue(request("POST", server.uri("/orders"))).await.unwrap().id();
    let worker = outbox.worker(stack).with_options(options).start();
    tokio::time::sleep(stopped_after).await;
    worker.shutdown().await;
    let mut attempts = outbox.store().detail(id).await.unwrap().unwrap().attempts;
    attempts.remove(0)
}

#[tokio::test]
async fn a_worker_records_a_timed_out_delivery_with_the_same_outcome() {
    let (written, _guard) = Written::listen();
    let options = WorkerOptions::builder().attempt_timeout(SHORT).build().unwrap();
    let attempt = delivered(options, 4 * SHORT).await;
    assert_eq!(recorded(&written), words(&[(attempt.outcome.as_str(), Some("attempt_timeout"))]));
    let call = &written.of("martello::call")[0];
    assert_eq!((&*call["outcome"], &*call["error.type"]), ("ambiguous", "attempt_timeout"));
}

#[tokio::test]
async fn a_worker_records_a_delivery_ended_by_shutdown_with_the_same_outcome() {
    let (written, _guard) = Written::listen();
    let options = WorkerOptions::builder().grace(SHORT).build().unwrap();
    let attempt = delivered(options, 2 * SHORT).await;
    assert_eq!(recorded(&written), words(&[(attempt.outcome.as_str(), Some("cancelled"))]));
    let text = &written.of("martello::attempt")[0]["exception.message"];
    assert!(text.contains(attempt.fault.as_deref().unwrap()), "{text}");
}
