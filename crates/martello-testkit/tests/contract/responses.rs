//! Layers whose response futures and bodies break their contracts.

use std::{
    convert::Infallible,
    future::{self, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use martello_testkit::contract::{Memory, MemoryBody, MemoryError, MemoryFuture, Misuse, StrictFuture};
use tower::{
    ServiceExt, service_fn,
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

/// A body that keeps only the first waker of each frame.
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

/// A body that reports wrong hints about the inner body.
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

/// A body that passes its frames through a function, which may discard them.
struct Through {
    inner: MemoryBody,
    change: fn(Frame<Bytes>) -> Option<Frame<Bytes>>,
}

impl Body for Through {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        while let Some(Ok(frame)) = ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            if let Some(frame) = (self.change)(frame) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
        Poll::Ready(None)
    }
}

fn through(
    change: fn(Frame<Bytes>) -> Option<Frame<Bytes>>,
) -> MapResponseLayer<impl Fn(Response<MemoryBody>) -> Response<Through> + Clone> {
    MapResponseLayer::new(move |response: Response<_>| response.map(|inner| Through { inner, change }))
}

#[tokio::test(start_paused = true)]
async fn a_body_that_loses_or_changes_its_trailers_is_named() {
    let lose = |frame: Frame<Bytes>| Some(frame).filter(Frame::is_data);
    assert_eq!(violation!(through(lose)), (Scenario::ReadyThenCall, Fault::LostTrailers));
    let empty =
        |frame: Frame<Bytes>| Some(if frame.is_data() { frame } else { Frame::trailers(HeaderMap::new()) });
    assert_eq!(violation!(through(empty)), (Scenario::ReadyThenCall, Fault::LostTrailers));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_changes_its_bytes_is_named() {
    let other = |frame: Frame<Bytes>| Some(frame.map_data(|data| Bytes::from(vec![b'x'; data.len()])));
    let fewer = |frame: Frame<Bytes>| Some(frame.map_data(|data| data.slice(1..)));
    let more = |frame: Frame<Bytes>| Some(frame.map_data(|data| [data, Bytes::from("!")].concat().into()));
    let none = |frame: Frame<Bytes>| Some(frame).filter(Frame::is_trailers);
    for change in [other, fewer, more, none] as [fn(Frame<Bytes>) -> Option<Frame<Bytes>>; 4] {
        assert_eq!(violation!(through(change)), (Scenario::ReadyThenCall, Fault::ChangedBody));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_in_other_frames_and_with_more_trailers_is_the_same() {
    let more = |frame: Frame<Bytes>| {
        Some(match frame.into_trailers() {
            Ok(mut trailers) => {
                trailers.insert("more", HeaderValue::from_static("of them"));
                Frame::trailers(trailers)
            }
            Err(frame) => frame,
        })
    };
    contract::check_layer(through(more), crate::request).await.unwrap();
    let whole = layer_fn(|inner: Inner| {
        service_fn(move |request: Request<Full>| {
            let inner = inner.clone();
            async move {
                let (head, body) = inner.oneshot(request).await?.into_parts();
                let Ok(body) = body.collect().await;
                let trailers = future::ready(body.trailers().cloned().map(Ok));
                let body = Full::new(body.to_bytes()).with_trailers(trailers);
                Ok::<_, MemoryError>(Response::from_parts(head, body))
            }
        })
    });
    contract::check_layer(whole, crate::request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_means_to_change_bodies_is_probed_over_a_memory_of_ones_own() {
    let shout = |frame: Frame<Bytes>| Some(frame.map_data(|data| data.to_ascii_uppercase().into()));
    assert_eq!(violation!(through(shout)), (Scenario::ReadyThenCall, Fault::ChangedBody));
    contract::check_layer_over(through(shout), Memory::new(), crate::request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_fails_is_named_with_its_error() {
    let violation = contract::check_layer(
        layer_fn(|_: Inner| service_fn(|_| async { Err::<Response<Full>, _>("out of stones") })),
        crate::request,
    )
    .await
    .unwrap_err();
    let said = "ReadyThenCall: a ready service answers a call, but a call failed: out of stones";
    assert_eq!(violation.to_string(), said);
}
