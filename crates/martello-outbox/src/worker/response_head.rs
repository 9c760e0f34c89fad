//! Calls the stack once, until the response's head.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use martello_outcome::{Abandoned, ErrorKind, Outcome, Queued};
use tokio::time::Instant;

use super::{
    attempt_result::AttemptResult,
    delivery_result::DeliveryResult,
    stop::{StopLevel, StopSignal},
};

/// What the layers of the stack can read when a call is dropped.
const TIMED_OUT: Abandoned = Abandoned::new(
    ErrorKind::AttemptTimeout,
    Outcome::Ambiguous,
    "no response came within the attempt timeout",
);
const STOPPED_UNSENT: Abandoned =
    Abandoned::cancelled(Outcome::Unsent, "the worker was shut down before the request was sent");
const STOPPED: Abandoned =
    Abandoned::cancelled(Outcome::Ambiguous, "the worker was shut down before a response came");

/// Waits for the response's head. Returns it with the time at which the attempt started: when the request was
/// no longer queued in the stack. The timeout runs from then on.
pub(super) async fn receive<F: Future>(
    call: F,
    timeout: Duration,
    stop: &mut StopSignal,
) -> Result<(F::Output, Instant), DeliveryResult> {
    let mut call = pin!(Some(call));
    let mut sent = false;
    let mut started = Instant::now();
    let mut timer = pin!(tokio::time::sleep(timeout));
    loop {
        // The call is always polled first: a service may send as soon as it is called, and only a queued
        // request is certainly unsent.
        let level = if sent { StopLevel::StopNow } else { StopLevel::StopIfUnsent };
        tokio::select! {
            biased;
            progress = poll_fn(|cx| poll_progress(call.as_mut(), &mut sent, cx)) => match progress {
                CallProgress::Finished(response) => return Ok((response, started)),
                CallProgress::Sent => {
                    started = Instant::now();
                    timer.as_mut().reset(started + timeout);
                }
            },
            () = &mut timer, if sent => {
                TIMED_OUT.while_dropping(|| call.set(None));
                let result = AttemptResult::new(TIMED_OUT.outcome(), started);
                let text = format!("{} of {timeout:?}", TIMED_OUT.message());
                return Err(DeliveryResult::Attempted(Box::new(result.with_text(&text))));
            }
            () = stop.at_least(level) => {
                if !sent {
                    STOPPED_UNSENT.while_dropping(|| call.set(None));
                    return Err(DeliveryResult::Stopped);
                }
                STOPPED.while_dropping(|| call.set(None));
                let result = AttemptResult::new(STOPPED.outcome(), started).local();
                return Err(DeliveryResult::Attempted(Box::new(result.with_text(STOPPED.message()))));
            }
        }
    }
}

enum CallProgress<T> {
    /// The request is no longer queued, and may be on the wire from now on.
    Sent,
    Finished(T),
}

/// A request that was sent stays sent: a stack that retries may queue its next attempt.
fn poll_progress<F: Future>(
    call: Pin<&mut Option<F>>,
    sent: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<CallProgress<F::Output>> {
    let (response, queued) = Queued::observe(|| poll_present(call, cx));
    match response {
        Poll::Ready(response) => Poll::Ready(CallProgress::Finished(response)),
        Poll::Pending if queued || *sent => Poll::Pending,
        Poll::Pending => {
            *sent = true;
            Poll::Ready(CallProgress::Sent)
        }
    }
}

/// Polls the future, or is pending forever if it was dropped.
pub(super) fn poll_present<F: Future>(future: Pin<&mut Option<F>>, cx: &mut Context<'_>) -> Poll<F::Output> {
    future.as_pin_mut().map_or(Poll::Pending, |present| present.poll(cx))
}
