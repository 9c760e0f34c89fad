//! What a record says of how a call ended.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use martello_outcome::{Attempt, Attempts, CallError, Classifier, ErrorKind, Outcome, TrackingId};

use super::{
    Doubt, Heard,
    read_back::{is_conflict, same_tag},
};
use crate::{Record, UpsertOutcome};

/// Completes a record with how its call ended.
pub(super) fn heard(record: &mut Record, heard: &Heard, if_match: Option<&HeaderValue>) {
    match &heard.answer {
        Ok(response) => answered(record, response, if_match),
        Err(error) => failed(record, error),
    }
    let Some(doubt) = heard.doubt else { return };
    record.read_back = !matches!(doubt, Doubt::Unasked | Doubt::Earlier | Doubt::Gone);
    let rejected = matches!(record.outcome, UpsertOutcome::Conflict | UpsertOutcome::Rejected);
    let (outcome, reason) = match doubt {
        Doubt::Written | Doubt::Gone => (UpsertOutcome::Updated, None),
        Doubt::Other => (UpsertOutcome::Conflict, Some("read back, it is not what was sent")),
        Doubt::Present => (UpsertOutcome::Conflict, Some("read back, it is still there")),
        Doubt::Unwritten => (UpsertOutcome::Exhausted, Some("read back, it is what it was before")),
        Doubt::Unasked => {
            let reason = "an earlier attempt may have been processed, and this be its own doing: `read_back` would tell";
            (UpsertOutcome::Ambiguous, Some(reason))
        }
        Doubt::Earlier => {
            let reason =
                "an earlier run may have written it, and this be its own doing: `read_back` would have told";
            (UpsertOutcome::Conflict, Some(reason))
        }
        Doubt::Untold => {
            let reason = "an earlier run may have written it, and reading back does not tell";
            (UpsertOutcome::Conflict, Some(reason))
        }
        Doubt::Unread if rejected => {
            let reason = "an earlier attempt may have been processed, and reading back did not tell";
            (UpsertOutcome::Ambiguous, Some(reason))
        }
        // The answer itself says more.
        Doubt::Unread => return,
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
        Some(attempts) if !attempts.is_empty() => tell(record, attempts),
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
        // A redirect that the stack does not follow has written nothing.
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
    use ErrorKind::{AttemptTimeout, Body, Transport, Unsendable};
    let made = matches!(error.kind(), Transport | Unsendable | AttemptTimeout | Body);
    tell(record, error.attempts());
    if record.attempts == 0 && made {
        record.attempts = 1;
    }
    record.status = error.last_status();
    record.reason = line(error);
    record.outcome = match error.outcome() {
        // The server did its part, and its answer was too large for the stack.
        Outcome::Success if record.status == Some(StatusCode::CREATED) => UpsertOutcome::Created,
        Outcome::Success if record.status.is_some_and(|status| status.is_success()) => UpsertOutcome::Updated,
        Outcome::Success | Outcome::Ambiguous => UpsertOutcome::Ambiguous,
        Outcome::Rejected => UpsertOutcome::Rejected,
        // The client will not have it, as a server would not.
        Outcome::Unsent if error.kind() == Unsendable => UpsertOutcome::Rejected,
        _ => UpsertOutcome::Exhausted,
    };
}

fn tell(record: &mut Record, attempts: &Attempts) {
    record.in_doubt = attempts.iter().any(Attempt::may_be_processed);
    record.attempts = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    record.tracking_ids.extend(attempts.iter().filter_map(|attempt| attempt.tracking_id));
}

/// An error and its sources in one line, bounded as those of attempts are.
pub(crate) fn line(error: &(dyn std::error::Error + 'static)) -> Option<Box<str>> {
    Attempt::new(1, SystemTime::UNIX_EPOCH, Outcome::Ambiguous).with_fault(error).fault
}

/// The text of a body, without what is no text; never longer than the bytes may be.
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
