//! What programs read. These shapes are described in the README, and only grow.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use martello::outcome::mask_urls;
use martello_log::Redaction;
use martello_outbox::{AttemptRecord, Detail, Entry, EntryEvent, EntryId, JobId, Overtaken, Revision, State};
use serde::Serialize;

/// An entry at a glance.
#[derive(Serialize)]
pub(crate) struct EntryShape<'a> {
    id: EntryId,
    queue: &'a str,
    state: State,
    reason: Option<martello_outbox::Reason>,
    method: &'a str,
    url: String,
    revision: u32,
    order_key: Option<&'a str>,
    dedup_key: Option<&'a str>,
    repeatable: bool,
    attempts: u32,
    tries: u32,
    max_attempts: u32,
    created_at: Timestamp,
    due_at: Timestamp,
    expires_at: Timestamp,
    changed_at: Timestamp,
    last_outcome: Option<&'static str>,
    last_status: Option<u16>,
    last_tracking_id: Option<String>,
    kept: bool,
    job: Option<JobId>,
    superseded_by: Option<EntryId>,
    overtaken: Option<Overtaken>,
}

impl<'a> EntryShape<'a> {
    /// With the values of the URL's query only if they are to be revealed.
    pub(crate) fn new(entry: &'a Entry, reveal: bool) -> Self {
        Self {
            id: entry.id,
            queue: entry.queue.as_str(),
            state: entry.state,
            reason: entry.reason,
            method: entry.method.as_str(),
            url: url(&entry.uri, reveal),
            revision: entry.revision,
            order_key: entry.order_key.as_ref().map(martello_outbox::OrderKey::as_str),
            dedup_key: entry.dedup_key.as_deref(),
            repeatable: entry.repeatable,
            attempts: entry.attempts,
            tries: entry.tries,
            max_attempts: entry.max_attempts,
            created_at: entry.created_at,
            due_at: entry.due_at,
            expires_at: entry.expires_at,
            changed_at: entry.changed_at,
            last_outcome: entry.last_outcome.map(martello_outbox::Outcome::as_str),
            last_status: entry.last_status.map(|status| status.as_u16()),
            last_tracking_id: entry.last_tracking_id.as_ref().map(ToString::to_string),
            kept: entry.protected,
            job: entry.job,
            superseded_by: entry.superseded_by,
            overtaken: entry.overtaken,
        }
    }
}

/// A part of a list.
#[derive(Serialize)]
pub(crate) struct ListShape<'a> {
    pub(crate) entries: Vec<EntryShape<'a>>,
    /// The value of `--after` for the next part.
    pub(crate) next: Option<String>,
}

/// A URL, masked unless it is to be revealed.
pub(crate) fn url(uri: &http::Uri, reveal: bool) -> String {
    if reveal { uri.to_string() } else { Redaction::default().url(uri).to_string() }
}

/// A text with its URLs masked, unless they are to be revealed.
pub(crate) fn text(text: &str, reveal: bool) -> Cow<'_, str> {
    if reveal { Cow::Borrowed(text) } else { mask_urls(text, |_| false) }
}

/// All that is known of an entry.
#[derive(Serialize)]
pub(crate) struct DetailShape<'a> {
    entry: EntryShape<'a>,
    overtaken: bool,
    attempts: Vec<AttemptShape<'a>>,
    events: Vec<EventShape<'a>>,
    revisions: Vec<RevisionShape<'a>>,
}

impl<'a> DetailShape<'a> {
    pub(crate) fn new(detail: &'a Detail, reveal: bool) -> Self {
        Self {
            entry: EntryShape::new(&detail.entry, reveal),
            overtaken: detail.entry.overtaken.is_some(),
            attempts: detail.attempts.iter().map(|attempt| AttemptShape::new(attempt, reveal)).collect(),
            events: detail.events.iter().map(EventShape::from).collect(),
            revisions: detail.revisions.iter().map(|revision| RevisionShape::new(revision, reveal)).collect(),
        }
    }
}

#[derive(Serialize)]
struct AttemptShape<'a> {
    number: u32,
    revision: u32,
    started: Timestamp,
    seconds: f64,
    outcome: &'static str,
    status: Option<u16>,
    tracking_id: Option<String>,
    fault: Option<Cow<'a, str>>,
    worker: Option<&'a str>,
}

impl<'a> AttemptShape<'a> {
    fn new(attempt: &'a AttemptRecord, reveal: bool) -> Self {
        Self {
            number: attempt.number,
            revision: attempt.revision,
            started: attempt.started,
            seconds: attempt.duration.as_secs_f64(),
            outcome: attempt.outcome.as_str(),
            status: attempt.status.map(|status| status.as_u16()),
            tracking_id: attempt.tracking_id.as_ref().map(ToString::to_string),
            fault: attempt.fault.as_deref().map(|fault| text(fault, reveal)),
            worker: attempt.worker.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct EventShape<'a> {
    at: Timestamp,
    kind: &'static str,
    detail: Option<&'a str>,
}

impl<'a> From<&'a EntryEvent> for EventShape<'a> {
    fn from(event: &'a EntryEvent) -> Self {
        Self { at: event.at, kind: event.kind.as_str(), detail: event.detail.as_deref() }
    }
}

#[derive(Serialize)]
struct RevisionShape<'a> {
    number: u32,
    at: Timestamp,
    method: &'a str,
    url: String,
    headers: Vec<(&'a str, String)>,
    sealed: bool,
    /// The body if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    /// The body if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl<'a> RevisionShape<'a> {
    fn new(revision: &'a Revision, reveal: bool) -> Self {
        let request = &revision.request;
        let text = std::str::from_utf8(&request.body).ok().filter(|_| !request.sealed);
        let headers = request.headers.iter();
        Self {
            number: revision.number,
            at: revision.at,
            method: request.method.as_str(),
            url: url(&request.uri, reveal),
            headers: headers.map(|(name, value)| (name.as_str(), header(name, value, reveal))).collect(),
            sealed: request.sealed,
            body: text,
            body_base64: text.is_none().then(|| STANDARD.encode(&request.body)),
        }
    }
}

/// The value of a header, masked unless it is to be revealed: as a secret, or the URLs in it. A byte that is
/// not ASCII is the character of its number.
pub(crate) fn header(name: &http::HeaderName, value: &http::HeaderValue, reveal: bool) -> String {
    let plain: String = value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    match Redaction::default().hides_value(name, value) {
        _ if reveal => plain,
        true => "***".to_owned(),
        false => text(&plain, reveal).into_owned(),
    }
}
