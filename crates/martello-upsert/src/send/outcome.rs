//! Completes the record of an entity from how its call ended.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use martello_outcome::{Attempt, Attempts, CallError, Classifier, ErrorKind, ErrorText, Outcome, TrackingId};

use super::answer::{Answer, WriteStatus, is_conflict, same_tag};
use crate::{Record, UpsertOutcome};

/// Sets the outcome, the attempts and the reason of a record.
pub(super) fn complete(record: &mut Record, answer: &Answer, if_match: Option<&HeaderValue>) {
    match &answer.response {
        Ok(response) => answered(record, response, if_match),
        Err(error) => failed(record, error),
    }
    let Some(status) = answer.write_status else { return };
    record.read_back = status.was_read_back();
    let rejected = matches!(record.outcome, UpsertOutcome::Conflict | UpsertOutcome::Rejected);
    let (outcome, reason) = match status {
        WriteStatus::Written | WriteStatus::AlreadyGone => (UpsertOutcome::Updated, None),
        WriteStatus::Different => {
            (UpsertOutcome::Conflict, Some("the entity was read back and differs from what was sent"))
        }
        WriteStatus::StillThere => {
            (UpsertOutcome::Conflict, Some("the entity was read back and still exists"))
        }
        WriteStatus::Unwritten => {
            (UpsertOutcome::Exhausted, Some("the entity was read back and is as it was before"))
        }
        WriteStatus::NotReadBack => {
            let reason = "the rejection may be the result of an earlier attempt; set `read_back` to find out";
            (UpsertOutcome::Ambiguous, Some(reason))
        }
        WriteStatus::EarlierRun => {
            let reason = "the rejection may be the result of an earlier run; set `read_back` to find out";
            (UpsertOutcome::Conflict, Some(reason))
        }
        WriteStatus::Inconclusive => {
            let reason = "the rejection may be the result of an earlier run, and reading the entity back cannot show it";
            (UpsertOutcome::Conflict, Some(reason))
        }
        WriteStatus::ReadFailed if rejected => {
            let reason = "the rejection may be the result of an earlier attempt, and the entity could not be read back";
            (UpsertOutcome::Ambiguous, Some(reason))
        }
        // The response says more.
        WriteStatus::ReadFailed => return,
    };
    record.outcome = outcome;
    record.reason = reason.map(Into::into);
    if outcome.is_written() {
        record.body = None;
    }
}

fn answered(record: &mut Record, response: &Response<Bytes>, if_match: Option<&HeaderValue>) {
    let status = response.status();
    record.status = Some(status);
    record.etag = response.headers().get(header::ETAG).cloned();
    match Attempts::of(response) {
        Some(attempts) if !attempts.is_empty() => add_attempts(record, attempts),
        _ => {
            record.attempts = 1;
            record.tracking_ids.extend(TrackingId::of(response));
        }
    }
    let last = Attempts::of(response).and_then(Attempts::outcome);
    let unchanged = status == StatusCode::NOT_MODIFIED || same_tag(if_match, record.etag.as_ref());
    record.outcome = match last.unwrap_or_else(|| Classifier::default().status(status)) {
        Outcome::Success if status == StatusCode::CREATED => UpsertOutcome::Created,
        Outcome::Success if (status.is_success() && unchanged) || status == StatusCode::NOT_MODIFIED => {
            UpsertOutcome::Unchanged
        }
        Outcome::Success if status.is_success() => UpsertOutcome::Updated,
        Outcome::Rejected if is_conflict(status) => UpsertOutcome::Conflict,
        // A redirect that the stack does not follow writes nothing.
        Outcome::Success | Outcome::Rejected => UpsertOutcome::Rejected,
        Outcome::Ambiguous => UpsertOutcome::Ambiguous,
        _ => UpsertOutcome::Exhausted,
    };
    let body = response.body();
    if !body.is_empty() {
        record.body = Some(text(body));
    }
}

fn failed(record: &mut Record, error: &CallError) {
    add_attempts(record, error.attempts());
    if record.attempts == 0 && error.kind().attempted() {
        record.attempts = 1;
    }
    record.status = error.last_status();
    record.reason = Some(error_text(error));
    record.outcome = match error.outcome() {
        // The server processed the request, and its response was too large for the stack.
        Outcome::Success if record.status == Some(StatusCode::CREATED) => UpsertOutcome::Created,
        Outcome::Success if record.status.is_some_and(|status| status.is_success()) => UpsertOutcome::Updated,
        Outcome::Success | Outcome::Ambiguous => UpsertOutcome::Ambiguous,
        Outcome::Rejected => UpsertOutcome::Rejected,
        // The client refuses the request.
        Outcome::Unsent if error.kind() == ErrorKind::Unsendable => UpsertOutcome::Rejected,
        _ => UpsertOutcome::Exhausted,
    };
}

fn add_attempts(record: &mut Record, attempts: &Attempts) {
    record.in_doubt = attempts.may_be_processed();
    record.attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    record.tracking_ids.extend(attempts.iter().filter_map(|attempt| attempt.tracking_id));
}

/// An error and its sources in one line of at most [`Attempt::MAX_FAULT`] bytes.
pub(crate) fn error_text(error: &(dyn std::error::Error + 'static)) -> Box<str> {
    ErrorText::new(error).single_line(Attempt::MAX_FAULT)
}

/// A body as text, with `?` for bytes that are not UTF-8. It is never longer than the body.
fn text(body: &[u8]) -> Box<str> {
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push('?');
        }
    }
    text.into()
}
