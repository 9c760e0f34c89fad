use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use martello_outcome::{Attempt, Outcome, TrackingId};

/// A stored attempt of an entry, made by the layer or by a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptRecord {
    /// Its number among all attempts of the entry, from 1. A replay continues the count.
    pub number: u32,
    /// The revision of the request that was sent, from 1.
    pub revision: u32,
    /// When it started.
    pub started: Timestamp,
    /// From its start to the response's head or to the fault, to the microsecond.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The status of the response, if there was one.
    pub status: Option<StatusCode>,
    /// The tracking id of the response, if a tracking layer read one.
    pub tracking_id: Option<TrackingId>,
    /// The error text if there was no status, in at most [`Attempt::MAX_FAULT`] bytes; for a rejected
    /// response, the start of its body.
    pub fault: Option<Box<str>>,
    /// The worker that made it; `None` if the layer did.
    pub worker: Option<Box<str>>,
}

impl AttemptRecord {
    /// Converts the attempts of a call through the layer. All of them sent revision 1.
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

    /// The record of an attempt whose worker lost its lease. Its result is unknown.
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
            fault: Some("the worker stopped, or its lease expired, before it reported the result".into()),
            worker: Some(worker.into()),
        }
    }
}
