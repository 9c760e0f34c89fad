//! What a person wants to know afterwards.

use std::{collections::BTreeMap, fmt, time::Duration};

use http::StatusCode;
use martello::{Attempt, Outcome, TrackingId, outbox::AttemptRecord};
use tokio::time::Instant;

/// One order that was written, or is on its way, and what it went through.
pub(crate) struct Report {
    pub(crate) business_id: String,
    pub(crate) attempts: Vec<Try>,
    pub(crate) delivered: bool,
}

/// One attempt, as the stack or the outbox reports it.
pub(crate) struct Try {
    outcome: Outcome,
    status: Option<StatusCode>,
    tracking_id: Option<TrackingId>,
}

impl Try {
    /// The only attempt of a call that succeeded at once.
    pub(crate) fn at_once(status: StatusCode, tracking_id: Option<&TrackingId>) -> Self {
        Self { outcome: Outcome::Success, status: Some(status), tracking_id: tracking_id.copied() }
    }

    fn cause(&self) -> String {
        self.status.map_or_else(|| "connection lost".to_owned(), |status| status.as_u16().to_string())
    }
}

impl From<&Attempt> for Try {
    fn from(attempt: &Attempt) -> Self {
        Self { outcome: attempt.outcome, status: attempt.status, tracking_id: attempt.tracking_id }
    }
}

impl From<&AttemptRecord> for Try {
    fn from(attempt: &AttemptRecord) -> Self {
        Self { outcome: attempt.outcome, status: attempt.status, tracking_id: attempt.tracking_id }
    }
}

impl fmt::Display for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.tracking_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        write!(f, "{:11} {:4} Trackingid {id}", self.outcome.as_str(), self.cause())
    }
}

pub(crate) struct Summary {
    started: Instant,
    sent: Vec<Report>,
    delivered_later: Vec<usize>,
}

impl Summary {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), sent: Vec::new(), delivered_later: Vec::new() }
    }

    pub(crate) fn add(&mut self, report: Report) {
        self.sent.push(report);
    }

    /// An order that was deferred has come to an end.
    pub(crate) fn ended(&mut self, business_id: &str, delivered: bool, attempts: Vec<Try>) {
        let known = self.sent.iter_mut().enumerate().find(|(_, report)| report.business_id == business_id);
        if let Some((index, report)) = known {
            report.attempts = attempts;
            report.delivered = delivered;
            self.delivered_later.extend(delivered.then_some(index));
        }
    }

    /// How many were deferred and have been delivered since.
    pub(crate) fn delivered_later(&self) -> usize {
        self.delivered_later.len()
    }

    /// The one of them that took the most attempts.
    pub(crate) fn longest_way(&self) -> Option<&Report> {
        let later = self.delivered_later.iter().filter_map(|index| self.sent.get(*index));
        later.max_by_key(|report| report.attempts.len())
    }

    /// By business id: the Trackingid of each attempt, where there was an answer.
    pub(crate) fn attempts(&self) -> BTreeMap<&str, Vec<Option<String>>> {
        let ids = |sent: &Report| {
            let ids = sent.attempts.iter().map(|attempt| attempt.tracking_id);
            ids.map(|id| id.map(|id| id.to_string())).collect()
        };
        self.sent.iter().map(|sent| (sent.business_id.as_str(), ids(sent))).collect()
    }

    /// Every attempt but the last of a call was the cause of a retry.
    fn causes(&self) -> BTreeMap<String, usize> {
        let mut causes = BTreeMap::new();
        for sent in &self.sent {
            for attempt in sent.attempts.iter().rev().skip(1) {
                *causes.entry(attempt.cause()).or_default() += 1;
            }
        }
        causes
    }
}

/// What is known when all were sent, and some deferred.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delivered = self.sent.iter().filter(|sent| sent.delivered).count();
        let causes = self.causes();
        let took = Seconds(self.started.elapsed());
        writeln!(f, "  orders delivered  {delivered} of {} in {took}", self.sent.len())?;
        write!(f, "  retries           {}", causes.values().sum::<usize>())?;
        for (index, (cause, count)) in causes.iter().enumerate() {
            write!(f, "{} {count} × {cause}", if index == 0 { ":" } else { "," })?;
        }
        writeln!(f)
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s", self.0.as_secs_f64())
    }
}
