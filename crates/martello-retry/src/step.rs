//! What a call does after an attempt has ended.

use std::time::Duration;

use http::{Request, Response, response::Parts};
use http_body::Body;
use martello_body::{BodyError, BodyErrorKind, Whole};
use martello_outcome::{Abandoned, CallError, ErrorKind, Outcome};

use crate::{
    CopyBody, ResponseHead, RetryBody,
    call::CallState,
    decide::{FailedAttempt, RetryAction},
};

/// What a call does next.
pub(crate) enum Step<B, R> {
    /// Returns this result.
    Return(Result<Response<RetryBody<R>>, CallError>),
    /// Reads the response's body to its end. `returned_failure` is the outcome of a failed attempt whose
    /// response the call returns.
    Collect { head: Parts, body: R, cap: usize, returned_failure: Option<Outcome> },
    /// Drains the failed response's body, and waits.
    Wait { body: Option<R>, wait: Duration, request: Box<Request<B>> },
    /// Waits for the service to be ready for the next attempt.
    AwaitReady(Option<Box<Request<B>>>, Duration),
    /// Sends this request as the next attempt, after this wait.
    Call(Option<Box<Request<B>>>, Duration),
}

/// Handles a response's head.
pub(crate) fn response_received<C, B, R>(call: &mut CallState<C, B>, response: Response<R>) -> Step<B, R>
where
    C: CopyBody<B>,
    R: Body,
{
    let status = response.status();
    let outcome = call.config.classifier.status(status);
    let whole_response_cap = call.config.whole_response_cap.filter(|_| call.has_body(status));
    if !outcome.is_success() {
        let head = ResponseHead::of(&response);
        call.record(outcome, Some(head), None);
        if let RetryAction::Retry(request, wait) =
            call.decide(&FailedAttempt { outcome, response: Some(head), error: None })
        {
            let body = call.has_body(status).then(|| response.into_body());
            return Step::Wait { body, wait, request };
        }
    }
    let returned_failure = (!outcome.is_success()).then_some(outcome);
    match whole_response_cap {
        Some(cap) => {
            let (head, body) = response.into_parts();
            Step::Collect { head, body, cap, returned_failure }
        }
        None => {
            let response = live(call, response);
            Step::Return(Ok(finished(call, response, returned_failure)))
        }
    }
}

/// Handles a response's body that was read to its end, or failed before it.
pub(crate) fn body_collected<C, B, R>(
    call: &mut CallState<C, B>,
    head: Option<Parts>,
    body: Result<Whole, CallError>,
    returned_failure: Option<Outcome>,
) -> Step<B, R>
where
    C: CopyBody<B>,
{
    match (body, head, returned_failure) {
        (Ok(body), Some(head), returned_failure) => {
            let response = Response::from_parts(head, RetryBody::whole(body));
            Step::Return(Ok(finished(call, response, returned_failure)))
        }
        (Ok(_), None, _) => fail(call, deadline_error(Outcome::Ambiguous)),
        // The history already has this attempt, with the outcome of its status.
        (Err(error), _, Some(_)) => fail(call, error),
        // There is no time for another attempt, or the server processed the request and would answer the same
        // again.
        (Err(error), head, None) if error.kind() == ErrorKind::Deadline || error.outcome().is_success() => {
            call.record(error.outcome(), head.as_ref().map(ResponseHead::of_parts), Some(&error));
            fail(call, error)
        }
        (Err(error), head, None) => attempt_failed(call, error, head.as_ref()),
    }
}

/// The error of a body that could not be read to its end.
pub(crate) fn body_failed(error: BodyError) -> CallError {
    if error.kind() == BodyErrorKind::TooLarge {
        let message = "the response's body is larger than the limit of `whole_responses`";
        return CallError::new(ErrorKind::Body, error.kind().outcome(), message).with_source(error);
    }
    CallError::from(error)
}

/// Handles an attempt that ended in an error.
pub(crate) fn attempt_failed<C, B, R>(
    call: &mut CallState<C, B>,
    error: CallError,
    head: Option<&Parts>,
) -> Step<B, R>
where
    C: CopyBody<B>,
{
    if was_refused_by_inner_layer(&error) {
        return fail(call, error);
    }
    let outcome = error.outcome();
    let response = head.map(ResponseHead::of_parts);
    call.record(outcome, response, Some(&error));
    // The client would refuse the request again, whatever a user's `decide` returns.
    if error.kind() == ErrorKind::Unsendable {
        return fail(call, error);
    }
    match call.decide(&FailedAttempt { outcome, response, error: Some(&error) }) {
        RetryAction::Retry(request, wait) => Step::Wait { body: None, wait, request },
        RetryAction::Stop(None) => fail(call, error),
        RetryAction::Stop(Some(kind)) => {
            let message = match kind {
                ErrorKind::Budget => {
                    "the attempt failed, and was not retried because the retry budget is empty"
                }
                _ => {
                    "the attempt failed, and was not retried because the next attempt would begin after the deadline"
                }
            };
            fail(call, CallError::new(kind, outcome, message).with_source(error))
        }
    }
}

/// Handles a timeout of the attempt or of the call. `drop` drops the attempt, whose layers learn why from
/// [`Abandoned`].
pub(crate) fn timed_out<C, B, R>(
    call: &mut CallState<C, B>,
    kind: ErrorKind,
    drop: impl FnOnce(),
) -> Step<B, R>
where
    C: CopyBody<B>,
{
    let on_the_wire = call.clocks.is_on_the_wire();
    let outcome = if on_the_wire { Outcome::Ambiguous } else { Outcome::Unsent };
    let error = abandon(kind, outcome, drop);
    if kind == ErrorKind::AttemptTimeout {
        return attempt_failed(call, error, None);
    }
    if on_the_wire {
        call.record(outcome, None, Some(&error));
    }
    fail(call, error)
}

/// Handles a deadline that passed while the response's body was read. `drop` drops the body.
pub(crate) fn body_timed_out<C, B, R>(
    call: &mut CallState<C, B>,
    head: Option<Parts>,
    returned_failure: Option<Outcome>,
    drop: impl FnOnce(),
) -> Step<B, R>
where
    C: CopyBody<B>,
{
    let error = abandon(ErrorKind::Deadline, Outcome::Ambiguous, drop);
    body_collected(call, head, Err(error), returned_failure)
}

pub(crate) fn deadline_error(outcome: Outcome) -> CallError {
    abandon(ErrorKind::Deadline, outcome, || {})
}

/// Runs `drop`, tells the layers inside why, and returns the error of the timeout.
fn abandon(kind: ErrorKind, outcome: Outcome, drop: impl FnOnce()) -> CallError {
    let message = match kind {
        ErrorKind::AttemptTimeout => "no response came within the attempt timeout",
        _ => "the call's deadline has passed",
    };
    Abandoned::new(kind, outcome, message).while_dropping(drop);
    CallError::new(kind, outcome, message)
}

/// Ends the call with an error, which gets the history.
pub(crate) fn fail<C, B, R>(call: &mut CallState<C, B>, error: CallError) -> Step<B, R> {
    let attempts = call.end();
    Step::Return(Err(if attempts.is_empty() { error } else { error.with_attempts(attempts) }))
}

/// Whether an inner layer refused the request without an attempt. A retry would meet the same refusal.
fn was_refused_by_inner_layer(error: &CallError) -> bool {
    error.outcome() == Outcome::Unsent && !error.kind().attempted()
}

/// The result of a call whose first attempt succeeded.
pub(crate) fn succeeded_at_once<C, B, R>(
    call: &CallState<C, B>,
    response: Response<R>,
) -> Response<RetryBody<R>> {
    call.config.budget.deposit();
    live(call, response)
}

fn live<C, B, R>(call: &CallState<C, B>, response: Response<R>) -> Response<RetryBody<R>> {
    let idle_timeout = call.config.idle_timeout;
    response.map(|body| RetryBody::live(body, idle_timeout))
}

/// The result of any other call. A first attempt that succeeded gets no history.
fn finished<C, B, R>(
    call: &mut CallState<C, B>,
    mut response: Response<RetryBody<R>>,
    returned_failure: Option<Outcome>,
) -> Response<RetryBody<R>> {
    if returned_failure.is_none() {
        call.config.budget.deposit();
        if call.is_first() {
            return response;
        }
        let head = ResponseHead::of(&response);
        call.record(Outcome::Success, Some(head), None);
    }
    let attempts = call.attempts();
    response.extensions_mut().insert(attempts);
    response
}
