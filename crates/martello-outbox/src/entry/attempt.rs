use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use martello_outcome::{Attempt, Outcome, TrackingId};

/// One attempt at an entry, as it is kept: at the door, or by a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// Its place among all attempts ever made at the entry, counted from 1: it never starts again.
    pub number: u32,
    /// Which revision of the request was sent, counted from 1.
    pub revision: u32,
    /// When it started.
    pub started: Timestamp,
    /// From its start to the response's head or to the fault, to the microsecond.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The response's status, if a head came.
    pub status: Option<StatusCode>,
    /// The server's name for it, if a tracking layer read one.
    pub tracking_id: Option<TrackingId>,
    /// What went wrong where no status says it, in at most [`Attempt::MAX_FAULT`] bytes; for a response that was
    /// rejected, the start of its body.
    pub fault: Option<Box<str>>,
    /// The worker that made it; `None` at the door.
    pub worker: Option<Box<str>>,
}

impl AttemptRecord {
    /// What a call went through at the door, as attempts at revision 1.
    #[must_use]
    pub fn by_layer(attempts: &[Attempt]) -> Vec<Self> {
        let record = |(number, attempt): (u32, &Attempt)| Self {
            number,
            revision: 1,
            started: Timestamp::try_from(attempt.started).unwrap_or(Timestamp::UNIX_EPOCH),
            duration: attempt.duration,
            outcome: attempt.outcome,
            status: attempt.status,
            tracking_id: attempt.tracking_id,
            fault: attempt.fault.clone(),
            worker: None,
        };
        (1..).zip(attempts).map(record).collect()
    }

    /// How the attempt of a worker that lost its lease is written down: nobody knows how far it came.
    #[must_use]
    pub fn lost(number: u32, revision: u32, leased_at: Timestamp, now: Timestamp, worker: &str) -> Self {
        Self {
            number,
            revision,
            started: leased_at,
            duration: now.duration_since(leased_at).unsigned_abs(),
            outcome: Outcome::Ambiguous,
            status: None,
            tracking_id: None,
            fault: Some(
                "the worker stopped, or stood still past its lease, before it said how this ended".into(),
            ),
            worker: Some(worker.into()),
        }
    }
}
