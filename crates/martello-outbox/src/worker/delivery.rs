//! One delivery: one attempt at an entry, until the end of the response's body.

use std::{
    future::{pending, poll_fn},
    pin::pin,
    time::Duration,
};

use http::{Method, Request, Response, header};
use martello_body::{Body, Drain};
use martello_outcome::{
    Abandoned, AttemptNumber, BoxError, CallError, CallOptions, CallerId, ErrorKind, Outcome, is_bodiless,
};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tower_service::Service;

use super::{
    attempt_result::AttemptResult,
    delivery_result::DeliveryResult,
    earlier_attempts::EarlierAttempts,
    kept_start::KeptStart,
    response_head::{self, poll_present},
    stop::{StopLevel, StopSignal},
};
use crate::{Entry, Outbox, StoredRequest};

/// How much of a response's body is read so that its connection can be used again.
const DRAIN: (u64, Duration) = (1024 * 1024, Duration::from_secs(1));

const LOST: Abandoned =
    Abandoned::cancelled(Outcome::Ambiguous, "the worker lost the lease before a response came");

/// An entry and what is needed to deliver it.
pub(super) struct Delivery {
    outbox: Outbox,
    entry: Entry,
    request: StoredRequest,
    timeout: Duration,
}

impl Delivery {
    pub(super) fn new(outbox: Outbox, entry: Entry, request: StoredRequest, timeout: Duration) -> Self {
        Self { outbox, entry, request, timeout }
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// Runs a delivery until it ends or the worker reports that its lease is lost. The store records a lost
/// attempt as ambiguous.
pub(super) async fn while_leased(
    delivery: impl Future<Output = DeliveryResult>,
    lost: oneshot::Receiver<()>,
) -> DeliveryResult {
    let mut delivery = pin!(Some(delivery));
    let lost = async {
        if lost.await.is_err() {
            // The worker was dropped, which aborts its deliveries.
            pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = lost => {
            LOST.while_dropping(|| delivery.set(None));
            DeliveryResult::LeaseLost
        }
        result = poll_fn(|cx| poll_present(delivery.as_mut(), cx)) => result,
    }
}

/// Sends the entry's request through the service once.
pub(super) async fn deliver<S, R>(
    service: S,
    delivery: Delivery,
    stop: watch::Receiver<StopLevel>,
) -> DeliveryResult
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: http_body::Body,
{
    let earlier = EarlierAttempts::of(&delivery.outbox, &delivery.entry, &delivery.request.method);
    match attempt(service, delivery, StopSignal::new(stop)).await {
        DeliveryResult::Attempted(result) => {
            let outcome = earlier.entry_outcome(&result).await;
            DeliveryResult::Attempted(Box::new(result.with_entry_outcome(outcome)))
        }
        other => other,
    }
}

async fn attempt<S, R>(mut service: S, delivery: Delivery, mut stop: StopSignal) -> DeliveryResult
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: http_body::Body,
{
    let Delivery { outbox, entry, request, timeout } = delivery;
    let request = match prepare(&outbox, &entry, request) {
        Ok(request) => request,
        Err(result) => return result,
    };
    let may_have_body = !matches!(*request.method(), Method::HEAD | Method::CONNECT);
    let started = Instant::now();
    tokio::select! {
        biased;
        ready = poll_fn(|cx| service.poll_ready(cx)) => {
            if let Err(error) = ready.map_err(CallError::from_readiness) {
                return failed(&error, started);
            }
        }
        () = stop.at_least(StopLevel::StopIfUnsent) => return DeliveryResult::Stopped,
        // Without this bound, a service that is never ready would keep the entry from other workers.
        () = tokio::time::sleep(timeout) => return DeliveryResult::RefusedByStack,
    }
    let (response, started) = match response_head::receive(service.call(request), timeout, &mut stop).await {
        Ok(response) => response,
        Err(result) => return result,
    };
    let response = match response.map_err(CallError::from_source) {
        Ok(response) => response,
        Err(error) => return failed(&error, started),
    };
    let result = AttemptResult::of_response(&outbox.settings.classifier, &response, started);
    if !may_have_body || is_bodiless(response.status()) {
        return DeliveryResult::Attempted(Box::new(result));
    }
    DeliveryResult::Attempted(Box::new(read_body(response, result, &mut stop).await))
}

/// The request as it is sent: without retries, and with the entry's id and attempt number.
fn prepare(outbox: &Outbox, entry: &Entry, request: StoredRequest) -> Result<Request<Body>, DeliveryResult> {
    let rejected = |error| AttemptResult::new(Outcome::Rejected, Instant::now()).with_error(error).local();
    // Older versions stored requests that this one refuses.
    if let Err(error) = request.check() {
        return Err(DeliveryResult::Attempted(Box::new(rejected(&error))));
    }
    // Without a sealing, the fault is the worker's and not the entry's.
    let lacks_sealing = request.sealed && outbox.settings.sealing.is_none();
    let mut request = match outbox.opened(entry.id, request) {
        Ok(request) => request.to_request(),
        Err(error) if lacks_sealing => {
            return Err(DeliveryResult::MissingSealing(rejected(&error).into_fault()));
        }
        Err(error) => return Err(DeliveryResult::Attempted(Box::new(rejected(&error)))),
    };
    let options = CallOptions::new().without_retry();
    let extensions = request.extensions_mut();
    extensions.insert(if entry.repeatable { options.assume_idempotent() } else { options });
    // For a stack without a retry layer; `Retry` removes it.
    extensions.insert(AttemptNumber(entry.attempts));
    if let Ok(id) = entry.id.to_string().parse::<CallerId>() {
        extensions.insert(id);
    }
    Ok(request)
}

fn failed(error: &CallError, started: Instant) -> DeliveryResult {
    let result = AttemptResult::of_error(error, started);
    match error.kind() {
        _ if was_refused(error) => DeliveryResult::RefusedByStack,
        ErrorKind::Transport if error.is_untried() => DeliveryResult::FailedBeforeClient(result.into_fault()),
        _ => DeliveryResult::Attempted(Box::new(result)),
    }
}

/// Whether a layer of the stack refused the request, or queued it for too long, before anything was sent.
fn was_refused(error: &CallError) -> bool {
    let by_a_layer = !error.kind().attempted() && error.kind() != ErrorKind::Budget;
    by_a_layer && error.outcome() == Outcome::Unsent && error.attempts().is_empty()
}

/// Reads the body to its end, within bounds. Keeps the start of one that explains a rejection.
async fn read_body<R: http_body::Body>(
    response: Response<R>,
    result: AttemptResult,
    stop: &mut StopSignal,
) -> AttemptResult {
    let is_encoded = response.headers().contains_key(header::CONTENT_ENCODING);
    let keeps_start = result.outcome() == Outcome::Rejected && !is_encoded;
    let mut body = pin!(KeptStart::new(response.into_body(), keeps_start));
    tokio::select! {
        biased;
        _ = Drain::new(body.as_mut(), DRAIN.0, DRAIN.1) => {}
        () = stop.at_least(StopLevel::StopNow) => {}
    }
    let text = body.text();
    result.with_text(&text)
}
