//! Layers whose response futures and bodies do not keep their word.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use martello_testkit::contract::{MemoryBody, MemoryFuture, Misuse, StrictFuture};
use tower::{
    service_fn,
    util::{MapFutureLayer, MapResponseLayer},
};
use tower_layer::layer_fn;
use tower_service::Service;

use crate::{Body as Full, Fault, Inner, Scenario, contract, violation};

#[tokio::test(start_paused = true)]
async fn a_layer_whose_future_keeps_the_first_waker_is_named() {
    let found = violation!(MapFutureLayer::new(|call: StrictFuture<MemoryFuture<Full>>| {
        let mut call = Box::pin(call);
        let mut first: Option<Waker> = None;
        poll_fn(move |cx| {
            let waker = first.get_or_insert_with(|| cx.waker().clone());
            call.as_mut().poll(&mut Context::from_waker(waker))
        })
    }));
    assert_eq!(found, (Scenario::ChangingWakers, Fault::Hung));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_polls_a_completed_future_is_named() {
    let found = violation!(layer_fn(|mut inner: Inner| {
        service_fn(move |request: Request<Full>| {
            let waker = Waker::noop();
            let cx = &mut Context::from_waker(waker);
            let _ = Service::<Request<Full>>::poll_ready(&mut inner, cx);
            let mut call = Box::pin(inner.call(request));
            poll_fn(move |cx| {
                let polled = call.as_mut().poll(cx);
                if polled.is_ready() {
                    let _ = call.as_mut().poll(cx);
                }
                polled
            })
        })
    }));
    assert_eq!(found, (Scenario::ReadyThenCall, Fault::Misused(Misuse::PolledAfterCompletion)));
}

/// A body that keeps the first waker of each frame.
struct KeepsTheFirst {
    inner: MemoryBody,
    first: Option<Waker>,
}

impl Body for KeepsTheFirst {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let waker = this.first.get_or_insert_with(|| cx.waker().clone());
        let polled = Pin::new(&mut this.inner).poll_frame(&mut Context::from_waker(waker));
        if polled.is_ready() {
            this.first = None;
        }
        polled
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_keeps_the_first_waker_of_a_frame_is_named() {
    let keep = |inner| KeepsTheFirst { inner, first: None };
    let found = violation!(MapResponseLayer::new(move |response: Response<_>| response.map(keep)));
    assert_eq!(found, (Scenario::ChangingWakers, Fault::Hung));
}

/// A body that tells lies about another one.
struct Lying {
    inner: MemoryBody,
    size: Option<SizeHint>,
    at_end: bool,
}

impl Body for Lying {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.at_end
    }

    fn size_hint(&self) -> SizeHint {
        self.size.unwrap_or_else(|| self.inner.size_hint())
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_with_a_wrong_size_hint_is_named() {
    for size in [SizeHint::with_exact(0), SizeHint::with_exact(9)] {
        let lie = move |inner| Lying { inner, size: Some(size), at_end: false };
        let found = violation!(MapResponseLayer::new(move |response: Response<_>| response.map(lie)));
        assert_eq!(found, (Scenario::ReadyThenCall, Fault::WrongSizeHint { bytes: 8 }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_goes_on_after_its_end_is_named() {
    let lie = |inner| Lying { inner, size: None, at_end: true };
    let found = violation!(MapResponseLayer::new(move |response: Response<_>| response.map(lie)));
    assert_eq!(found, (Scenario::ReadyThenCall, Fault::FrameAfterEnd));
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_fails_is_named_with_its_error() {
    let violation = contract::check_layer(
        layer_fn(|_: Inner| service_fn(|_| async { Err::<Response<Full>, _>("out of stones") })),
        crate::request,
    )
    .await
    .unwrap_err();
    let said = "ReadyThenCall: a service that is ready answers a call, but a call failed: out of stones";
    assert_eq!(violation.to_string(), said);
}
