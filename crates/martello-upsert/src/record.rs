use std::{fmt, time::Duration};

use http::{HeaderValue, StatusCode};
use martello_outbox::{EntryId, OrderKey};
use martello_outcome::{Outcome, Printable, TrackingId};

use crate::UpsertOutcome;

/// What became of one entity of the input.
///
/// As JSON it is one line of a report: `{"row":17,"key":"api.example/orders/o-18","outcome":"created",…}`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The entity's place in the input, counted from 0.
    pub row: u64,
    /// What it was ordered by.
    pub key: Option<OrderKey>,
    /// What became of it.
    pub outcome: UpsertOutcome,
    /// The status of its last attempt that had a response.
    pub status: Option<StatusCode>,
    /// How many attempts were made: zero if it was not sent. One, if the stack passes no retry layer that
    /// would know better.
    pub attempts: u32,
    /// The server's names for the attempts, in order, as far as it gave any and a tracking layer read them.
    pub tracking_ids: Vec<TrackingId>,
    /// From the handing over to the stack until its answer was read; zero if it was not sent.
    pub latency: Duration,
    /// The entity tag of the server's answer. It is not part of the JSON.
    pub etag: Option<HeaderValue>,
    /// The start of the response's body, if that is no success: at most [`Record::MAX_BODY`] bytes.
    pub body: Option<Box<str>>,
    /// What went wrong where no status says it, in at most
    /// [`Attempt::MAX_FAULT`](martello_outcome::Attempt::MAX_FAULT) bytes.
    pub reason: Option<Box<str>>,
    /// Its entry in the outbox: where it waits to be delivered if it is deferred, or lies as a dead letter if
    /// it is ambiguous.
    pub entry: Option<EntryId>,
    /// Whether the entity was read back to find out what became of it.
    pub read_back: bool,
    /// Whether an attempt may have been processed, of what is to be sent again. It is not part of the JSON,
    /// but of a journal's line.
    pub(crate) in_doubt: bool,
}

impl Record {
    /// The most of a response's body that is kept, in bytes.
    pub const MAX_BODY: usize = 4 * 1024;

    pub(crate) fn new(row: u64, key: Option<OrderKey>, outcome: UpsertOutcome) -> Self {
        Self {
            row,
            key,
            outcome,
            status: None,
            attempts: 0,
            tracking_ids: Vec::new(),
            latency: Duration::ZERO,
            etag: None,
            body: None,
            reason: None,
            entry: None,
            read_back: false,
            in_doubt: false,
        }
    }

    /// Whether the entity may have been written although the record does not say so.
    pub(crate) fn may_be_written(&self) -> bool {
        let answered = |status| Outcome::Faulty.may_be_processed(Some(status));
        self.in_doubt || self.outcome == UpsertOutcome::Ambiguous || self.status.is_some_and(answered)
    }
}

/// In one line, for people.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some(key) = &self.key {
            write!(f, ", {key}")?;
        }
        write!(f, ": {}", self.outcome)?;
        if let Some(status) = self.status {
            write!(f, ", {}", status.as_u16())?;
        }
        match self.attempts {
            0 => {}
            1 => f.write_str(", after 1 attempt")?,
            count => write!(f, ", after {count} attempts")?,
        }
        for (place, id) in self.tracking_ids.iter().enumerate() {
            f.write_str(if place == 0 { " (" } else { ", " })?;
            write!(f, "{id}")?;
        }
        if !self.tracking_ids.is_empty() {
            f.write_str(")")?;
        }
        let why = self.reason.as_deref().or(self.body.as_deref());
        let line = why.map(|why| why.split(['\n', '\r']).next().unwrap_or_default());
        line.map_or(Ok(()), |line| write!(f, ": {}", Printable::new(line)))
    }
}
