//! A permit is held until the response body has ended, and is returned however a call ends.

use std::{future::poll_fn, pin::Pin};

use http::{HeaderMap, Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use martello_limit::ConcurrencyLimitLayer;
use martello_testkit::ScriptedBody;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};
use tower::Layer;

use crate::support::{answered, get, limit, limited, unread, waiting};

#[tokio::test(start_paused = true)]
async fn a_sixth_request_does_not_start_while_five_bodies_stream() {
    let (service, mut api) = limited(&ConcurrencyLimitLayer::default());
    let mut streaming: Vec<_> = (0..5).map(|_| answered(&service, &mut api)).collect();

    let mut sixth = waiting(&service);
    api.assert_idle();
    drop(streaming.pop());
    assert!(sixth.is_woken());
    assert_pending!(sixth.poll());
    api.answer(unread());
    assert_ready_ok!(sixth.poll());
}

/// Polls one frame of a body, which returns the permit, and keeps the body.
async fn the_permit_is_returned_after_a_frame_of(body: ScriptedBody) {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let mut first = get(&service);
    api.answer(body);
    let mut body = assert_ready_ok!(first.poll()).into_body();
    let mut next = waiting(&service);
    let _frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
    assert!(next.is_woken());
    assert_pending!(next.poll());
    api.answer(unread());
    drop(assert_ready_ok!(next.poll()));
    // The first body does not return its permit twice.
    drop(body);
    assert_eq!(layer.usage().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn it_returns_with_the_end_of_the_stream() {
    the_permit_is_returned_after_a_frame_of(ScriptedBody::new().end().claim_end_stream(false)).await;
}

#[tokio::test(start_paused = true)]
async fn it_returns_with_the_last_frame_of_a_body_that_says_so() {
    the_permit_is_returned_after_a_frame_of(ScriptedBody::new().data("all")).await;
}

#[tokio::test(start_paused = true)]
async fn it_returns_with_trailers() {
    let body = ScriptedBody::new().trailers(HeaderMap::new()).end().claim_end_stream(false);
    the_permit_is_returned_after_a_frame_of(body).await;
}

#[tokio::test(start_paused = true)]
async fn it_returns_with_an_error() {
    let body = ScriptedBody::new().error("broke off").data("never");
    the_permit_is_returned_after_a_frame_of(body).await;
}

#[tokio::test(start_paused = true)]
async fn a_frame_in_the_middle_returns_nothing() {
    let (service, mut api) = limited(&limit(1));
    let mut first = get(&service);
    api.answer(ScriptedBody::new().data("some").data("more"));
    let mut body = assert_ready_ok!(first.poll()).into_body();
    let next = waiting(&service);
    body.frame().await.unwrap().unwrap();
    assert!(!next.is_woken());
    drop(body);
    assert!(next.is_woken());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_in_flight_returns_its_permit() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let unpolled = get(&service);
    assert_eq!(layer.usage().in_flight, 1);
    drop(unpolled);
    assert_eq!(layer.usage().in_flight, 0);

    let mut polled = get(&service);
    assert_pending!(polled.poll());
    let next = waiting(&service);
    drop(polled);
    assert!(next.is_woken());
    drop((api.next(), next));
    assert_eq!(layer.usage().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_client_returns_the_permit() {
    let (service, mut api) = limited(&limit(1));
    let mut first = get(&service);
    let next = waiting(&service);
    api.next().1.send_error("reset");
    assert_ready_err!(first.poll());
    assert!(next.is_woken(), "while the failed call is still there");
}

#[tokio::test(start_paused = true)]
async fn the_permit_of_a_response_is_not_returned_before_its_future_and_body_are_gone() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let mut call = get(&service);
    let body = unread();
    let handle = body.handle();
    api.next().1.send_response(Response::new(body));
    let response = assert_ready_ok!(call.poll());
    drop(call);
    assert_eq!((layer.usage().in_flight, handle.dropped()), (1, false));
    drop(response);
    assert_eq!((layer.usage().in_flight, handle.dropped()), (0, true));
}

/// Otherwise the next request could start while this one still exists: six concurrent requests.
#[tokio::test]
async fn a_request_is_dropped_before_its_permit_is_returned() {
    struct Witness(ConcurrencyLimitLayer);
    impl Drop for Witness {
        fn drop(&mut self) {
            assert_eq!(self.0.usage().in_flight, 1, "the permit was already returned");
        }
    }
    let layer = limit(1);
    let watched = layer.clone();
    let client = tower::service_fn(move |_: Request<()>| {
        let witness = Witness(watched.clone());
        async move {
            std::future::pending::<()>().await;
            drop(witness);
            Ok::<_, std::convert::Infallible>(Response::new(ScriptedBody::new()))
        }
    });
    let mut call = tokio_test::task::spawn(tower::ServiceExt::oneshot(layer.layer(client), Request::new(())));
    assert!(call.poll().is_pending());
    drop(call);
    assert_eq!(layer.usage().in_flight, 0);
}
