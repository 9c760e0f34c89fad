//! One delivery, from the entry to the end of the response's body.

use std::{
    future::{pending, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use http::{Method, Request, Response, header};
use martello_body::{Body, Drain};
use martello_outcome::{
    Abandoned, AttemptNumber, BoxError, CallError, CallOptions, CallerId, ErrorKind, Outcome, Queued,
    is_bodiless,
};
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tower_service::Service;

use super::{
    delivery_result::{AttemptResult, DeliveryResult, was_refused},
    earlier_attempts::EarlierAttempts,
    excerpt::Excerpt,
};
use crate::{EntryId, Outbox, StoredRequest};

/// How much of a response's body is read so that its connection can be used again.
const DRAIN: (u64, Duration) = (1024 * 1024, Duration::from_secs(1));

/// What a worker tells its deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// Go on.
    No,
    /// Come back if nothing is on the wire yet.
    Unsent,
    /// Come back whatever is on the wire.
    Now,
}

/// What is said to the layers of the stack where a call is given up.
const TIMED_OUT: Abandoned = Abandoned::new(
    ErrorKind::AttemptTimeout,
    Outcome::Ambiguous,
    "no response result within the attempt timeout",
);
const STOPPED_UNSENT: Abandoned =
    Abandoned::cancelled(Outcome::Unsent, "the worker was shut down before the request was sent");
const STOPPED: Abandoned =
    Abandoned::cancelled(Outcome::Ambiguous, "the worker was shut down before an answer result");
const LOST: Abandoned =
    Abandoned::cancelled(Outcome::Ambiguous, "the worker lost its lease before it was done");

/// What is to be delivered.
pub(super) struct Delivery {
    pub(super) outbox: Outbox,
    pub(super) id: EntryId,
    pub(super) attempt: u32,
    pub(super) revision: u32,
    pub(super) repeatable: bool,
    pub(super) request: StoredRequest,
    pub(super) timeout: Duration,
}

/// A delivery that ends early if its lease is lost. The store writes of it that nobody knows how far it result.
pub(super) async fn while_leased(
    delivery: impl Future<Output = DeliveryResult>,
    lost: oneshot::Receiver<()>,
) -> DeliveryResult {
    let mut delivery = pin!(Some(delivery));
    let lost = async {
        if lost.await.is_err() {
            // The worker is gone, and takes its deliveries along.
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

/// What was given up is pending for ever.
fn poll_present<F: Future>(future: Pin<&mut Option<F>>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.as_pin_mut().map_or(Poll::Pending, |present| present.poll(cx))
}

pub(super) async fn deliver<S, R>(
    service: S,
    delivery: Delivery,
    stop: watch::Receiver<Stop>,
) -> DeliveryResult
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: http_body::Body,
{
    let earlier = EarlierAttempts::of(&delivery);
    let mut result = attempt(service, delivery, stop).await;
    if let DeliveryResult::Attempted(result) = &mut result {
        result.call = earlier.call_outcome(result).await;
    }
    result
}

async fn attempt<S, R>(mut service: S, delivery: Delivery, stop: watch::Receiver<Stop>) -> DeliveryResult
where
    S: Service<Request<Body>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    R: http_body::Body,
{
    let Delivery { outbox, id, attempt, repeatable, request, timeout, .. } = delivery;
    let mut stop = Stopping(stop);
    let request = match prepared(&outbox, id, attempt, repeatable, request) {
        Ok(request) => request,
        Err(result) => return result,
    };
    let may_have_body = !matches!(*request.method(), Method::HEAD | Method::CONNECT);
    let began = Instant::now();
    tokio::select! {
        biased;
        ready = poll_fn(|cx| service.poll_ready(cx)) => {
            if let Err(error) = ready.map_err(CallError::from_readiness) {
                return failed(&error, began);
            }
        }
        () = stop.at_least(Stop::Unsent) => return DeliveryResult::NotSent { refused: false },
        // Nothing bounds how long the user's service takes to be ready, and the entry may be another worker's
        // to deliver.
        () = tokio::time::sleep(timeout) => return DeliveryResult::NotSent { refused: true },
    }
    let (answer, began) = match answer(service.call(request), timeout, &mut stop).await {
        Ok(answered) => answered,
        Err(result) => return result,
    };
    let response = match answer.map_err(CallError::from_source) {
        Ok(response) => response,
        Err(error) => return failed(&error, began),
    };
    let result = AttemptResult::of_response(&outbox, &response, began);
    if !may_have_body || is_bodiless(response.status()) {
        return DeliveryResult::Attempted(Box::new(result));
    }
    DeliveryResult::Attempted(Box::new(read(response, result, &mut stop).await))
}

/// The request as it is sent: one attempt, under the entry's name.
fn prepared(
    outbox: &Outbox,
    id: EntryId,
    attempt: u32,
    repeatable: bool,
    request: StoredRequest,
) -> Result<Request<Body>, DeliveryResult> {
    // Older versions stored what this one refuses.
    request.check().map_err(|error| {
        DeliveryResult::Attempted(Box::new(
            AttemptResult::new(Outcome::Rejected, Instant::now()).with_fault(&error).of_our_own(),
        ))
    })?;
    // With nothing to open it with, the fault is the worker's and not the entry's.
    let by_worker = request.sealed && outbox.settings.sealing.is_none();
    let closed = |error| {
        let result = AttemptResult::new(Outcome::Rejected, Instant::now()).with_fault(&error).of_our_own();
        match by_worker {
            true => DeliveryResult::CannotSend(result.fault.unwrap_or_default()),
            false => DeliveryResult::Attempted(Box::new(result)),
        }
    };
    let mut request = outbox.opened(id, request).map_err(closed)?.to_request();
    let options = CallOptions::new().without_retry();
    let extensions = request.extensions_mut();
    extensions.insert(if repeatable { options.assume_idempotent() } else { options });
    extensions.insert(AttemptNumber(attempt));
    if let Ok(name) = id.to_string().parse::<CallerId>() {
        extensions.insert(name);
    }
    Ok(request)
}

/// Waits for the answer, and tells when the attempt began: its time does not run while the request is queued in the
/// user's stack.
async fn answer<F: Future>(
    call: F,
    timeout: Duration,
    stop: &mut Stopping,
) -> Result<(F::Output, Instant), DeliveryResult> {
    let mut call = pin!(Some(call));
    let mut sent = false;
    let mut began = Instant::now();
    let mut timer = pin!(tokio::time::sleep(timeout));
    loop {
        // The call is always asked first: a service may send as soon as it is called, and only what is queued
        // is surely unsent.
        let level = if sent { Stop::Now } else { Stop::Unsent };
        tokio::select! {
            biased;
            progress = poll_fn(|cx| poll(call.as_mut(), &mut sent, cx)) => match progress {
                Progress::Answered(answer) => return Ok((answer, began)),
                Progress::Sent => {
                    began = Instant::now();
                    timer.as_mut().reset(began + timeout);
                }
            },
            () = &mut timer, if sent => {
                TIMED_OUT.while_dropping(|| call.set(None));
                let result = AttemptResult::new(TIMED_OUT.outcome(), began);
                let text = format!("{} of {timeout:?}", TIMED_OUT.message());
                return Err(DeliveryResult::Attempted(Box::new(result.saying(text))));
            }
            () = stop.at_least(level) => {
                if !sent {
                    STOPPED_UNSENT.while_dropping(|| call.set(None));
                    return Err(DeliveryResult::NotSent { refused: false });
                }
                STOPPED.while_dropping(|| call.set(None));
                let result = AttemptResult::new(STOPPED.outcome(), began).of_our_own();
                return Err(DeliveryResult::Attempted(Box::new(result.saying(STOPPED.message()))));
            }
        }
    }
}

enum Progress<T> {
    /// The request is not queued any more, and may be on the wire from now on.
    Sent,
    Answered(T),
}

/// What was on the wire once, stays so: a stack that retries may queue its next attempt.
fn poll<F: Future>(
    call: Pin<&mut Option<F>>,
    sent: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Progress<F::Output>> {
    let (answer, queued) = Queued::observe(|| poll_present(call, cx));
    match answer {
        Poll::Ready(answer) => Poll::Ready(Progress::Answered(answer)),
        Poll::Pending if queued || *sent => Poll::Pending,
        Poll::Pending => {
            *sent = true;
            Poll::Ready(Progress::Sent)
        }
    }
}

fn failed(error: &CallError, began: Instant) -> DeliveryResult {
    let result = AttemptResult::of_error(error, began);
    match error.kind() {
        _ if was_refused(error) => DeliveryResult::NotSent { refused: true },
        ErrorKind::Transport if error.is_untried() => {
            DeliveryResult::Untried(result.fault.unwrap_or_default())
        }
        _ => DeliveryResult::Attempted(Box::new(result)),
    }
}

/// Reads the body to its end, within bounds. Of one that says why a request was rejected, the start is kept.
async fn read<R: http_body::Body>(
    response: Response<R>,
    result: AttemptResult,
    stop: &mut Stopping,
) -> AttemptResult {
    let keep =
        result.outcome == Outcome::Rejected && !response.headers().contains_key(header::CONTENT_ENCODING);
    let mut body = pin!(Excerpt::new(response.into_body(), keep));
    tokio::select! {
        biased;
        _ = Drain::new(body.as_mut(), DRAIN.0, DRAIN.1) => {}
        () = stop.at_least(Stop::Now) => {}
    }
    let text = body.text();
    result.saying(text)
}

struct Stopping(watch::Receiver<Stop>);

impl Stopping {
    async fn at_least(&mut self, level: Stop) {
        if self.0.wait_for(|now| *now >= level).await.is_err() {
            // The worker is gone, and takes its deliveries along.
            pending::<()>().await;
        }
    }
}
