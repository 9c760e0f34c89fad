use std::{fmt, time::Duration};

use http::{HeaderValue, StatusCode};
use martello_outbox::{EntryId, OrderKey};
use martello_outcome::{Printable, TrackingId, status_may_be_processed};

use crate::UpsertOutcome;

/// The result of one entity of the input.
///
/// ```
/// use martello_upsert::{Record, UpsertOutcome};
///
/// let json = r#"{"row":17,"outcome":"rejected","status":422,"attempts":1,"latency_us":52000,"body":"no stops"}"#;
/// let record: Record = serde_json::from_str(json)?;
/// assert_eq!((record.row, record.outcome), (17, UpsertOutcome::Rejected));
/// assert_eq!(record.to_string(), "row 17: rejected, 422, after 1 attempt: no stops");
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// As JSON it is one line of a report: `{"row":17,"key":"api.example/orders/o-18","outcome":"created",…}`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The entity's position in the input, from 0.
    pub row: u64,
    /// The key that it was ordered by.
    pub key: Option<OrderKey>,
    /// Its outcome.
    pub outcome: UpsertOutcome,
    /// The status of the last response.
    pub status: Option<StatusCode>,
    /// How many attempts were made; zero if it was not sent. Without a retry layer in the stack, one.
    pub attempts: u32,
    /// The tracking ids of the attempts, in order, if the stack has a tracking layer.
    pub tracking_ids: Vec<TrackingId>,
    /// The time from the call of the stack until the response was read; zero if it was not sent.
    pub latency: Duration,
    /// The `ETag` of the response. It is not part of the JSON.
    pub etag: Option<HeaderValue>,
    /// The start of the response's body, unless it is a success: at most [`Record::MAX_BODY`] bytes.
    pub body: Option<Box<str>>,
    /// What failed, where no status shows it, in at most
    /// [`Attempt::MAX_FAULT`](martello_outcome::Attempt::MAX_FAULT) bytes.
    pub reason: Option<Box<str>>,
    /// Its entry in the outbox: it is pending if the outcome is deferred, and a dead letter if it is
    /// ambiguous.
    pub entry: Option<EntryId>,
    /// Whether the entity was read back to find out whether it was written.
    pub read_back: bool,
    /// Whether an attempt may have been processed, if another run sends the entity again. It is part of a
    /// journal's line, not of the record's JSON.
    pub(crate) in_doubt: bool,
}

impl Record {
    /// The largest part of a response's body that a record keeps, in bytes.
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

    /// Whether the entity may have been written although its outcome is another.
    pub(crate) fn may_be_written(&self) -> bool {
        self.in_doubt
            || self.outcome == UpsertOutcome::Ambiguous
            || self.status.is_some_and(status_may_be_processed)
    }
}

/// One line for a person to read.
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
        for (index, id) in self.tracking_ids.iter().enumerate() {
            f.write_str(if index == 0 { " (" } else { ", " })?;
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
