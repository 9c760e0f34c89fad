//! The budget pays only for attempts that begin.

use std::{
    io,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::SizeHint;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_outcome::{BoxError, CallError, ErrorKind, Outcome};
use martello_retry::{Budget, RetryLayer};
use martello_testkit::{Reply, ScriptedBody, Server};
use tokio_test::{assert_pending, task::spawn};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{Answer, Script, request, seconds};

/// A layer that waits a second before each retry.
fn layer(budget: &Budget) -> RetryLayer {
    let second = seconds(1);
    let builder = RetryLayer::builder().budget(budget.clone()).backoff(second, second).jitter(0.0);
    builder.replay_cap(1_000).build().unwrap()
}

fn put(body: ScriptedBody) -> Request<Body> {
    Request::put("http://api.example/orders/1").body(Body::new(body)).unwrap()
}

/// Exceeds the replay cap while it is sent.
fn too_large() -> ScriptedBody {
    ScriptedBody::new().data("start").data(Bytes::from(vec![b'x'; 1_000])).claim_size(SizeHint::new())
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_replay_cap_costs_nothing() {
    let budget = Budget::default();
    let service = layer(&budget).layer(Script::statuses([503; 20]));
    for _ in 0..20 {
        service.clone().oneshot(put(too_large())).await.unwrap();
    }
    assert_eq!(budget.tokens(), 10.0);
}

#[tokio::test(start_paused = true)]
async fn a_body_whose_source_fails_costs_nothing() {
    let budget = Budget::default();
    // Reads the body, as a connection does, and fails when it fails.
    let service = layer(&budget).layer(service_fn(async |request: Request<Body>| {
        http_body_util::BodyExt::collect(request.into_body()).await?;
        Ok::<_, BoxError>(Response::new(ScriptedBody::new()))
    }));
    for _ in 0..20 {
        let body = ScriptedBody::new().data("start").error("the uploader left");
        service.clone().oneshot(put(body)).await.unwrap_err();
    }
    assert_eq!(budget.tokens(), 10.0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_sent_again_is_not_reported_as_an_empty_budget() {
    let budget = Budget::new(0.1, 0, 100).unwrap();
    let broken = service_fn(async |request: Request<Body>| {
        http_body_util::BodyExt::collect(request.into_body()).await.map_err(io::Error::other)?;
        Err::<Response<ScriptedBody>, _>(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    for body in [too_large(), ScriptedBody::new().data("start").error("the uploader left")] {
        let error = layer(&budget).layer(broken).oneshot(put(body)).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
    }
}

#[tokio::test]
async fn broken_uploads_leave_the_budget_to_other_calls() {
    let server = Server::start().await.unwrap();
    let budget = Budget::default();
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let service = layer(&budget).layer(client);
    for _ in 0..20 {
        let body = ScriptedBody::new().data("start").error("the uploader left");
        let request = Request::put(server.uri("/orders/1")).body(Body::new(body)).unwrap();
        service.clone().oneshot(request).await.unwrap_err();
    }
    assert_eq!(budget.tokens(), 10.0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_returns_its_token() {
    let budget = Budget::default();
    let mut call = spawn(layer(&budget).layer(Script::statuses([503])).oneshot(request("PUT")));
    assert_pending!(call.poll());
    assert_eq!(budget.tokens(), 9.0);
    drop(call);
    assert_eq!(budget.tokens(), 10.0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_its_attempt_is_queued_returns_its_token() {
    let budget = Budget::default();
    let script = Script::new([Answer::status(503), Answer::status(200).queued(seconds(10))]);
    let call = layer(&budget).layer(script.clone()).oneshot(request("PUT"));
    tokio::time::timeout(seconds(5), call).await.unwrap_err();
    assert_eq!((script.attempts(), budget.tokens()), (2, 10.0));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_sent_is_paid_for_however_it_ends() {
    let budget = Budget::default();
    let script =
        Script::new([Answer::status(503), Answer::status(200).queued(seconds(1)).after(seconds(10))]);
    let call = layer(&budget).layer(script.clone()).oneshot(request("PUT"));
    tokio::time::timeout(seconds(5), call).await.unwrap_err();
    assert_eq!((script.attempts(), budget.tokens()), (2, 9.0));

    let script = Script::new([Answer::status(503), Answer::fault(io::ErrorKind::ConnectionRefused)]);
    layer(&budget).layer(script.clone()).oneshot(request("PUT")).await.unwrap();
    assert_eq!((script.attempts(), budget.tokens()), (3, 7.1));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_deadline_passes_in_a_queue_is_not_paid_for() {
    let budget = Budget::default();
    let script = Script::new([Answer::status(503), Answer::status(200).queued(seconds(1_000))]);
    let error = layer(&budget).layer(script).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), budget.tokens()), (ErrorKind::Deadline, 10.0));
}

/// Responds with 503 once, and then refuses every request or is never ready.
#[derive(Clone)]
struct Then {
    first: bool,
    ready: Option<ErrorKind>,
}

impl Service<Request<Body>> for Then {
    type Response = Response<ScriptedBody>;
    type Error = CallError;
    type Future = std::future::Ready<Result<Self::Response, CallError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CallError>> {
        match self.ready {
            None if !self.first => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        let answer = match self.ready {
            Some(kind) if !self.first => Err(CallError::new(kind, Outcome::Unsent, "not now")),
            _ => Ok(Response::builder().status(503).body(ScriptedBody::new()).unwrap()),
        };
        self.first = false;
        std::future::ready(answer)
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_a_layer_inside_refuses_is_not_paid_for() {
    for kind in [ErrorKind::LimitFull, ErrorKind::LimitWaitTimeout] {
        let budget = Budget::default();
        let mut service = layer(&budget).layer(Then { first: true, ready: Some(kind) });
        let mut call = std::pin::pin!(service.ready().await.unwrap().call(request("PUT")));
        let error = call.as_mut().await.unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (kind, 1));
        assert_eq!(budget.tokens(), 10.0, "although its future is still there");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_whose_client_is_never_ready_is_not_paid_for() {
    let budget = Budget::default();
    let service = layer(&budget).layer(Then { first: true, ready: None });
    let error = service.oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), budget.tokens()), (ErrorKind::Deadline, 10.0));
}

#[tokio::test(start_paused = true)]
async fn refunds_do_not_exceed_the_max() {
    let budget = Budget::new(10.0, 1, 1).unwrap();
    let script = Script::new([Answer::status(503), Answer::status(200)]);
    let mut call = spawn(layer(&budget).layer(script).oneshot(request("PUT")));
    assert_pending!(call.poll());
    layer(&budget).layer(Script::default()).oneshot(request("PUT")).await.unwrap();
    drop(call);
    assert_eq!(budget.tokens(), 1.0);
}

#[tokio::test]
async fn a_safe_retry_is_paid_for_after_many_that_never_happened() {
    let server = Server::start().await.unwrap();
    let budget = Budget::default();
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let service = layer(&budget).layer(client);
    for _ in 0..20 {
        server.reply(Reply::status(503));
        let request = Request::put(server.uri("/orders/1")).body(Body::from("{}")).unwrap();
        let call = service.clone().oneshot(request);
        tokio::time::timeout(Duration::from_millis(100), call).await.unwrap_err();
    }
    assert_eq!(budget.tokens(), 10.0);
}
