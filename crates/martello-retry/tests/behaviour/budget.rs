//! How the budget limits retries.

use crate::support::{Answer, Script, request};
use martello_outcome::{Attempts, CallError, ErrorKind, Outcome};
use martello_retry::{Budget, RetryLayer};
use tower::{Layer, ServiceExt};

fn layer(budget: &Budget) -> RetryLayer {
    RetryLayer::builder().budget(budget.clone()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_outage_gets_the_reserve_and_then_each_call_once() {
    let budget = Budget::default();
    let script = Script::statuses([503; 10_000]);
    let service = layer(&budget).layer(script.clone());
    for _ in 0..1_000 {
        let response = service.clone().oneshot(request("PUT")).await.unwrap();
        assert_eq!(response.status(), 503);
    }
    assert_eq!(script.attempts(), 1_000 + 10);
    assert_eq!(budget.tokens(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn ten_successes_pay_for_exactly_one_retry() {
    let budget = Budget::new(0.1, 0, 100).unwrap();
    let service = layer(&budget).layer(Script::default());
    for _ in 0..9 {
        service.clone().oneshot(request("PUT")).await.unwrap();
    }
    let script = Script::statuses([503]);
    layer(&budget).layer(script.clone()).oneshot(request("PUT")).await.unwrap();
    assert_eq!(script.attempts(), 1, "nine successes are not enough");

    service.clone().oneshot(request("PUT")).await.unwrap();
    assert_eq!(budget.tokens(), 1.0);
    let script = Script::statuses([503]);
    layer(&budget).layer(script.clone()).oneshot(request("PUT")).await.unwrap();
    assert_eq!(script.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_deposits_once_however_many_attempts_it_took() {
    let budget = Budget::new(0.5, 3, 100).unwrap();
    let lost = Answer::fault(std::io::ErrorKind::ConnectionReset);
    let script = Script::new([Answer::status(503), lost, Answer::status(504), Answer::status(200)]);
    layer(&budget).layer(script).oneshot(request("PUT")).await.unwrap();
    assert_eq!(budget.tokens(), 0.5);
}

#[tokio::test(start_paused = true)]
async fn failures_and_rejections_deposit_nothing() {
    let budget = Budget::new(0.1, 0, 100).unwrap();
    let script = Script::statuses([404, 500, 503, 401]);
    let service = layer(&budget).layer(script);
    for _ in 0..4 {
        service.clone().oneshot(request("PUT")).await.unwrap();
    }
    assert_eq!(budget.tokens(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn it_holds_no_more_than_its_max() {
    let budget = Budget::new(10.0, 0, 15).unwrap();
    let service = layer(&budget).layer(Script::default());
    for _ in 0..5 {
        service.clone().oneshot(request("PUT")).await.unwrap();
    }
    assert_eq!(budget.tokens(), 15.0);
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_returns_the_response_with_its_body_unread() {
    use http_body_util::BodyExt;
    let budget = Budget::new(0.1, 0, 100).unwrap();
    let body = martello_testkit::ScriptedBody::new().data("try later").end();
    let response =
        layer(&budget).layer(Script::new([Answer::body(503, body)])).oneshot(request("PUT")).await.unwrap();
    assert_eq!(Attempts::of(&response).unwrap().outcome(), Some(Outcome::Unavailable));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "try later");
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_is_the_error_if_there_is_no_response() {
    let budget = Budget::new(0.1, 0, 100).unwrap();
    let script = Script::new([Answer::fault(std::io::ErrorKind::ConnectionRefused)]);
    let error = layer(&budget).layer(script).oneshot(request("PUT")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Budget, Outcome::Unsent));
    assert_eq!(error.attempts().len(), 1);
    assert_eq!(
        error.to_string(),
        "the attempt failed, and was not retried because the retry budget is empty"
    );
    let attempt = std::error::Error::source(&error).unwrap().downcast_ref::<CallError>().unwrap();
    assert_eq!(attempt.to_string(), "the request could not be sent");
}

#[tokio::test(start_paused = true)]
async fn clones_of_a_layer_share_it_over_different_clients() {
    let layer = RetryLayer::default();
    let drained = layer.layer(Script::statuses([503; 100]));
    for _ in 0..4 {
        drained.clone().oneshot(request("PUT")).await.unwrap();
    }
    assert_eq!(layer.clone().budget().tokens(), 0.0);
}

#[test]
fn values_out_of_range_are_named() {
    for (per_success, reserve, most, field) in [
        (0.0, 10, 100, "budget per success"),
        (f64::NAN, 10, 100, "budget per success"),
        (-0.1, 10, 100, "budget per success"),
        (10.1, 10, 100, "budget per success"),
        (0.1, 10, 0, "budget max"),
        (0.1, 101, 100, "budget reserve"),
    ] {
        let error = Budget::new(per_success, reserve, most).unwrap_err();
        assert_eq!(error.field(), field);
    }
}
