//! What operations are given, as JSON objects with the fields of the composite types in
//! `functions/inputs.sql`.

use std::borrow::Cow;

use martello_outbox::{AttemptRecord, NewEntry, OrderKey, Reason, TrackingId, WhenPending, engine::micros};
use serde::Serialize;
use uuid::Uuid;

use super::clean;
/// `attempt_input`.
#[derive(Serialize)]
pub(super) struct AttemptInput<'a> {
    number: i32,
    revision: i32,
    started_at: i64,
    duration: i64,
    outcome: &'static str,
    status: Option<u16>,
    tracking_id: Option<&'a str>,
    fault: Option<Cow<'a, str>>,
    worker: Option<Cow<'a, str>>,
}

impl<'a> From<&'a AttemptRecord> for AttemptInput<'a> {
    fn from(attempt: &'a AttemptRecord) -> Self {
        Self {
            number: number(attempt.number),
            revision: number(attempt.revision),
            started_at: attempt.started.as_microsecond(),
            duration: micros(attempt.duration),
            outcome: attempt.outcome.as_str(),
            status: attempt.status.map(|status| status.as_u16()),
            tracking_id: attempt.tracking_id.as_ref().map(TrackingId::as_str),
            fault: attempt.fault.as_deref().map(clean),
            worker: attempt.worker.as_deref().map(clean),
        }
    }
}

/// A count, or the largest that the column holds.
fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// `entry_input`.
#[derive(Serialize)]
pub(super) struct EntryInput<'a> {
    id: Uuid,
    queue: &'a str,
    order_key: Option<&'a str>,
    supersede: bool,
    dedup_key: Option<&'a str>,
    delay: i64,
    expires_in: i64,
    max_attempts: u32,
    repeatable: bool,
    dead: Option<&'static str>,
    method: &'a str,
    url: String,
    headers: String,
    sealed: bool,
    host: String,
    authority: String,
    attempts: Vec<AttemptInput<'a>>,
}

impl<'a> From<&'a NewEntry> for EntryInput<'a> {
    fn from(new: &'a NewEntry) -> Self {
        let request = &new.request;
        Self {
            id: Uuid::from_bytes(*new.id.as_bytes()),
            queue: new.queue.as_str(),
            order_key: new.order_key.as_ref().map(OrderKey::as_str),
            supersede: new.when_pending == WhenPending::Supersede,
            dedup_key: new.dedup_key.as_deref(),
            delay: micros(new.delay),
            expires_in: micros(new.expires_in),
            max_attempts: new.max_attempts,
            repeatable: new.repeatable,
            dead: new.dead.map(Reason::as_str),
            method: request.method.as_str(),
            url: request.uri.to_string(),
            headers: request.headers_to_json(),
            sealed: request.sealed,
            host: request.host().to_ascii_lowercase(),
            authority: request.authority(),
            attempts: new.attempts.iter().map(AttemptInput::from).collect(),
        }
    }
}
