//! Readiness belongs to one instance. `call` uses it or gives it up.

use http::{Request, Response};
use martello_limit::ConcurrencyLimitLayer;
use martello_outcome::{CallError, ErrorKind, Outcome};
use martello_testkit::ScriptedBody;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task::spawn};
use tower::{Layer, Service, limit::ConcurrencyLimit};
use tower_test::mock;

use crate::support::{answered, failure, get, limit, limited, unread, waiting};

#[tokio::test(start_paused = true)]
async fn the_service_that_was_readied_is_the_one_that_is_called() {
    let (mut service, mut api) = limited(&limit(1));
    // Another clone could not become ready.
    api.0.allow(1);
    assert_ready_ok!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
    api.0.allow(0);
    let _call = spawn(service.call(Request::new(())));
    api.next();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waited_readies_its_own_clone() {
    let (service, mut api) = limited(&limit(1));
    let first = answered(&service, &mut api);
    let mut second = waiting(&service);
    api.0.allow(0);
    drop(first);
    assert!(second.is_woken());
    assert_pending!(second.poll());
    api.assert_idle();

    api.0.allow(1);
    assert!(second.is_woken());
    assert_pending!(second.poll());
    api.answer(unread());
    assert_ready_ok!(second.poll());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_the_client_holds_no_permit() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let first = answered(&service, &mut api);
    let mut second = waiting(&service);
    api.0.allow(0);
    drop(first);
    assert_pending!(second.poll());
    assert_eq!((layer.usage().in_flight, layer.usage().waiting), (0, 1));
    drop(second);
    assert_eq!((layer.usage().in_flight, layer.usage().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_fails_after_the_wait_returns_the_permit() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let first = answered(&service, &mut api);
    let mut second = waiting(&service);
    api.0.send_error("closed");
    drop(first);
    let error = assert_ready_err!(second.poll());
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert_eq!(layer.usage().in_flight, 0, "while the failed call is still there");
    assert_pending!(second.poll(), "it has ended");
}

/// Calls a ready clone whose request cannot be sent, and asserts that another clone gets the readiness.
fn a_request_that_is_not_sent_gives_up_readiness(layer: &ConcurrencyLimitLayer) {
    let (client, _handle) = mock::pair::<Request<()>, Response<ScriptedBody>>();
    let places = ConcurrencyLimit::new(client, 2);
    let service = layer.layer(places.clone());
    let ready = || {
        let mut handle = service.clone();
        assert_ready_ok!(spawn(()).enter(|cx, _| handle.poll_ready(cx)));
        handle
    };
    let _first = ready().call(Request::new(()));
    let mut handle = ready();
    let mut other = spawn(places);
    assert_pending!(other.enter(|cx, mut other| other.poll_ready(cx)));
    let _second = handle.call(Request::new(()));
    assert!(other.is_woken());
    assert_ready_ok!(other.enter(|cx, mut other| other.poll_ready(cx)));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_gives_up_the_readiness_it_came_with() {
    a_request_that_is_not_sent_gives_up_readiness(&limit(1));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_refused_gives_up_the_readiness_it_came_with() {
    let layer = ConcurrencyLimitLayer::builder().permits(1).max_waiting(0).build().unwrap();
    a_request_that_is_not_sent_gives_up_readiness(&layer);
}

#[tokio::test(start_paused = true)]
async fn clones_that_are_ready_and_never_called_hold_nothing() {
    let (service, mut api) = limited(&limit(1));
    let mut abandoned: Vec<_> = (0..8).map(|_| service.clone()).collect();
    for handle in &mut abandoned {
        assert_ready_ok!(spawn(()).enter(|cx, _| handle.poll_ready(cx)));
    }
    let _response = answered(&service, &mut api);
    for handle in &mut abandoned {
        assert_ready_ok!(spawn(()).enter(|cx, _| handle.poll_ready(cx)), "even where no permit is free");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_readiness_becomes_a_call_error() {
    let (mut service, mut api) = limited(&limit(1));
    api.0.send_error(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
    let error = assert_ready_err!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
}

#[tokio::test(start_paused = true)]
async fn a_call_error_from_inside_passes_unchanged() {
    let (service, mut api) = limited(&limit(1));
    let call = get(&service);
    api.next().1.send_error(CallError::new(ErrorKind::Budget, Outcome::Unavailable, "nothing left"));
    let error = failure(call).await;
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Budget, "nothing left"));
}
