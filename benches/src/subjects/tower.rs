//! tower and tower-http, combined by hand as their documentation shows.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::Either;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use tokio::time::{Sleep, sleep};
use tower::{ServiceBuilder, limit::ConcurrencyLimitLayer, retry::Policy, retry::RetryLayer};
use tower_http::{
    classify::{ServerErrorsAsFailures, SharedClassifier},
    on_early_drop::{EarlyDropsAsFailures, OnEarlyDropLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    trace::{DefaultMakeSpan, DefaultOnFailure, DefaultOnRequest, OnResponse, TraceLayer},
};
use tracing::{Level, Span};

use super::{Subject, drive};
use crate::{case::Case, fixture::TRACKING_ID, place::Client};

pub(super) fn subject<C>(name: &str, case: Case, client: C, uri: Uri) -> Option<Box<dyn Subject>>
where
    C: Client<Full<Bytes>>,
{
    let new = ServiceBuilder::new;
    let (retry, limit) = (RetryLayer::new(Again::new(case)), ConcurrencyLimitLayer::new(5));
    if case == Case::Wait || name == "tower_limit" && case.is_retried() {
        return None;
    }
    Some(match name {
        "tower_limit" => drive::asking::<Full<Bytes>, _>(new().layer(limit).service(client), uri).boxed(),
        "tower_retry" => drive::asking::<Full<Bytes>, _>(new().layer(retry).service(client), uri).boxed(),
        "tower_by_hand_lean" => {
            let by_hand = new().layer(trace(case)).layer(early_drops()).layer(retry).layer(limit);
            let by_hand = by_hand.layer(tracking_id()).service(client);
            drive::asking::<Full<Bytes>, _>(by_hand, uri).boxed()
        }
        _ => {
            let by_hand = new().layer(request_id()).layer(trace(case)).layer(early_drops());
            let by_hand = by_hand.layer(propagate()).layer(retry).layer(limit).service(client);
            drive::asking::<Full<Bytes>, _>(by_hand, uri).boxed()
        }
    })
}

/// The smallest policy that retries what our layer retries, as often. It has no budget and no jitter, ignores
/// `Retry-After`, and needs no timer when it does not wait.
#[derive(Clone, Debug)]
struct Again {
    left: u32,
    wait: Duration,
}

impl Again {
    fn new(case: Case) -> Self {
        Self { left: 3, wait: case.wait() }
    }
}

impl<B: Clone, R, E> Policy<Request<B>, Response<R>, E> for Again {
    type Future = Either<Ready<()>, Sleep>;

    fn retry(&mut self, _: &mut Request<B>, result: &mut Result<Response<R>, E>) -> Option<Self::Future> {
        let unavailable = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        let failed = result.as_ref().map_or(true, |response| unavailable.contains(&response.status()));
        if !failed || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(if self.wait.is_zero() { Either::Left(ready(())) } else { Either::Right(sleep(self.wait)) })
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        request.method().is_idempotent().then(|| request.clone())
    }
}

/// An id that the caller makes, and sends with the request.
pub(super) fn request_id() -> SetRequestIdLayer<MakeRequestUuid> {
    SetRequestIdLayer::x_request_id(MakeRequestUuid)
}

/// The same id, on the response.
pub(super) fn propagate() -> PropagateRequestIdLayer {
    PropagateRequestIdLayer::x_request_id()
}

/// The id that the server gives, read into the response's extensions.
fn tracking_id() -> PropagateRequestIdLayer {
    PropagateRequestIdLayer::new(TRACKING_ID)
}

pub(super) fn early_drops() -> OnEarlyDropLayer<EarlyDrops, EarlyDrops> {
    OnEarlyDropLayer::new(EarlyDropsAsFailures::new(DefaultOnFailure::new()))
}

type EarlyDrops = EarlyDropsAsFailures<DefaultOnFailure>;

/// A span at info, because its events would otherwise not name the request; two events, as ours.
pub(super) fn trace(case: Case) -> Trace {
    let parts = if case.logs_parts() { Level::INFO } else { Level::DEBUG };
    TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_request(DefaultOnRequest::new().level(parts))
        .on_response(LogTrackingId)
}

type Trace =
    TraceLayer<SharedClassifier<ServerErrorsAsFailures>, DefaultMakeSpan, DefaultOnRequest, LogTrackingId>;

/// tower-http's own event, and the server's id.
#[derive(Clone, Debug)]
pub(super) struct LogTrackingId;

impl<R> OnResponse<R> for LogTrackingId {
    fn on_response(self, response: &Response<R>, latency: Duration, _: &Span) {
        let (status, id) = (response.status().as_u16(), response.headers().get(TRACKING_ID));
        let id = id.and_then(|id| id.to_str().ok());
        tracing::info!(
            latency = %format_args!("{} ms", latency.as_millis()),
            status,
            trackingid = id,
            "finished processing request"
        );
    }
}
