use martello_outbox::{AttemptRecord, TrackingId};

use super::clean;
use crate::{statement::Statement, time::micros};

/// Attempts as columns.
#[derive(Default)]
pub(super) struct Attempts {
    revision: Vec<Option<i32>>,
    started_at: Vec<Option<i64>>,
    duration: Vec<Option<i64>>,
    outcome: Vec<Option<&'static str>>,
    status: Vec<Option<i16>>,
    tracking_id: Vec<Option<String>>,
    fault: Vec<Option<String>>,
    worker: Vec<Option<String>>,
}

impl Attempts {
    /// One more, or a place where there is none.
    pub(super) fn push(&mut self, attempt: Option<&AttemptRecord>) {
        let text = |text: Option<&str>| text.map(|text| clean(text).into_owned());
        self.revision.push(attempt.map(|attempt| number(attempt.revision)));
        self.started_at.push(attempt.map(|attempt| attempt.started.as_microsecond()));
        self.duration.push(attempt.map(|attempt| micros(attempt.duration)));
        self.outcome.push(attempt.map(|attempt| attempt.outcome.as_str()));
        self.status.push(attempt.and_then(status));
        self.tracking_id.push(attempt.and_then(|attempt| tracking_id(attempt).map(str::to_owned)));
        self.fault.push(text(attempt.and_then(|attempt| attempt.fault.as_deref())));
        self.worker.push(text(attempt.and_then(|attempt| attempt.worker.as_deref())));
    }

    pub(super) fn bind(self, statement: Statement) -> Statement {
        statement
            .bind(self.revision)
            .bind(self.started_at)
            .bind(self.duration)
            .bind(self.outcome)
            .bind(self.status)
            .bind(self.tracking_id)
            .bind(self.fault)
            .bind(self.worker)
    }
}

/// A count, or the most that can be stored.
pub(super) fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn status(attempt: &AttemptRecord) -> Option<i16> {
    attempt.status.and_then(|status| i16::try_from(status.as_u16()).ok())
}

pub(super) fn tracking_id(attempt: &AttemptRecord) -> Option<&str> {
    attempt.tracking_id.as_ref().map(TrackingId::as_str)
}
