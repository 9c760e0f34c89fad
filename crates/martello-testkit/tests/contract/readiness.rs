//! Layers that handle readiness wrongly.

use std::{
    convert::Infallible,
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use http_body_util::Either;
use martello_testkit::contract::{Memory, Misuse};
use tower::{ServiceExt, limit::ConcurrencyLimitLayer, service_fn};
use tower_layer::layer_fn;
use tower_service::Service;

use crate::{Body, Fault, Inner, Scenario, violation};

/// A layer with one fault.
#[derive(Clone)]
struct Wrong {
    inner: Inner,
    way: Way,
    first_waker: Option<Waker>,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    CallsAClone,
    NeverAsks,
    CallsTwice,
    CallsAfterPending,
    KeepsTheFirstWaker,
    PanicsOnError,
}

impl<B> Service<Request<B>> for Wrong
where
    Memory: Service<Request<B>>,
    B: Default,
{
    type Response = <Inner as Service<Request<B>>>::Response;
    type Error = <Inner as Service<Request<B>>>::Error;
    type Future = <Inner as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match self.way {
            Way::NeverAsks => Poll::Ready(Ok(())),
            Way::CallsAfterPending => {
                let _ = self.inner.poll_ready(cx);
                Poll::Ready(Ok(()))
            }
            Way::KeepsTheFirstWaker => {
                let waker = self.first_waker.get_or_insert_with(|| cx.waker().clone());
                self.inner.poll_ready(&mut Context::from_waker(waker))
            }
            Way::PanicsOnError => self.inner.poll_ready(cx).map(|ready| {
                assert!(ready.is_ok(), "this panic is part of the test");
                ready
            }),
            Way::CallsAClone | Way::CallsTwice => self.inner.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.way {
            Way::CallsAClone => return self.inner.clone().call(request),
            Way::CallsTwice => drop(self.inner.call(Request::new(B::default()))),
            _ => {}
        }
        self.inner.call(request)
    }
}

fn wrong(way: Way) -> impl tower_layer::Layer<Inner, Service = Wrong> {
    layer_fn(move |inner| Wrong { inner, way, first_waker: None })
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_calls_a_clone_is_named() {
    let found = violation!(wrong(Way::CallsAClone));
    assert_eq!(found, (Scenario::ReadyThenCall, Fault::Misused(Misuse::CalledClone)));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_never_asks_for_readiness_is_named() {
    let found = violation!(wrong(Way::NeverAsks));
    assert_eq!(found, (Scenario::ReadyThenCall, Fault::Misused(Misuse::CalledUnready)));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_calls_twice_on_one_readiness_is_named() {
    let found = violation!(wrong(Way::CallsTwice));
    assert_eq!(found, (Scenario::ReadyThenCall, Fault::Misused(Misuse::CalledTwice)));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_calls_while_readiness_is_pending_is_named() {
    let found = violation!(wrong(Way::CallsAfterPending));
    assert_eq!(found, (Scenario::PendingReadiness, Fault::Misused(Misuse::CalledPending)));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_calls_after_a_readiness_error_is_named() {
    let found = violation!(layer_fn(|inner: Inner| {
        service_fn(move |request: Request<Body>| {
            let mut inner = inner.clone();
            async move {
                let _ = poll_fn(|cx| Service::<Request<Body>>::poll_ready(&mut inner, cx)).await;
                inner.call(request).await
            }
        })
    }));
    assert_eq!(found, (Scenario::RefusedReadiness, Fault::Misused(Misuse::CalledAfterError)));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_keeps_the_first_waker_of_its_readiness_is_named() {
    let found = violation!(wrong(Way::KeepsTheFirstWaker));
    assert_eq!(found, (Scenario::PendingReadiness, Fault::Hung));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_panics_on_a_readiness_error_is_named() {
    let (scenario, fault) = violation!(wrong(Way::PanicsOnError));
    assert_eq!(scenario, Scenario::RefusedReadiness);
    assert_eq!(fault, Fault::Panicked("this panic is part of the test".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_answers_for_a_service_that_refuses_is_named() {
    let found = violation!(layer_fn(|inner: Inner| {
        service_fn(move |request: Request<Body>| {
            let inner = inner.clone();
            async move {
                let response = inner.oneshot(request).await.map(|response| response.map(Either::Left));
                Ok::<_, Infallible>(
                    response.unwrap_or_else(|_| Response::new(Either::Right(Body::default()))),
                )
            }
        })
    }));
    assert_eq!(found, (Scenario::RefusedReadiness, Fault::Answered));
}

#[tokio::test(start_paused = true)]
async fn towers_concurrency_limit_holds_a_permit_in_an_abandoned_handle() {
    for permits in [1, 5] {
        let found = violation!(ConcurrencyLimitLayer::new(permits));
        assert_eq!(found, (Scenario::AbandonedHandles, Fault::Hung));
    }
}
