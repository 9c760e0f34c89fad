//! The readiness of the inner service is used at once.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use martello_body::Body;
use martello_retry::RetryLayer;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt, buffer::Buffer, service_fn};

fn put() -> Request<Body> {
    Request::put("http://api/").body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn calls_over_a_buffer_may_be_made_before_any_is_polled() {
    let inner =
        service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())));
    let mut retry = RetryLayer::default().layer(Buffer::new(inner, 2));
    let mut calls = Vec::new();
    for _ in 0..4 {
        let ready = tokio::time::timeout(Duration::from_secs(60), retry.ready()).await;
        calls.push(ready.expect("the queue has space again").unwrap().call(put()));
    }
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_ended_does_not_wake_its_task() {
    let answer = Arc::new(Notify::new());
    let inner = {
        let answer = Arc::clone(&answer);
        service_fn(move |_: Request<Body>| {
            let answer = Arc::clone(&answer);
            async move {
                answer.notified().await;
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        })
    };
    let mut retry = RetryLayer::default().layer(inner);
    let mut call = tokio_test::task::spawn(retry.ready().await.unwrap().call(put()));
    assert!(call.poll().is_pending());
    answer.notify_one();
    assert!(call.is_woken() && call.poll().is_ready());
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert!(!call.is_woken());
}
