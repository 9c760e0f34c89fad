//! What a person wants to know afterwards.

use std::{collections::BTreeMap, fmt, time::Duration};

use tokio::time::Instant;

use crate::Sent;

pub(crate) struct Summary {
    started: Instant,
    sent: Vec<Sent>,
}

impl Summary {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), sent: Vec::new() }
    }

    pub(crate) fn add(&mut self, sent: Sent) {
        self.sent.push(sent);
    }

    /// By business id: the Trackingid of each attempt, where there was an answer.
    pub(crate) fn attempts(&self) -> BTreeMap<&str, Vec<Option<String>>> {
        let ids = |sent: &Sent| {
            let ids = sent.attempts.iter().map(|attempt| attempt.tracking_id);
            ids.map(|id| id.map(|id| id.to_string())).collect()
        };
        self.sent.iter().map(|sent| (sent.business_id.as_str(), ids(sent))).collect()
    }

    /// Every attempt but the last of a call was the cause of a retry.
    fn causes(&self) -> BTreeMap<&str, usize> {
        let mut causes = BTreeMap::new();
        for sent in &self.sent {
            for attempt in sent.attempts.iter().rev().skip(1) {
                *causes.entry(attempt.cause.as_str()).or_default() += 1;
            }
        }
        causes
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempts: usize = self.sent.iter().map(|sent| sent.attempts.len()).sum();
        let delivered = self.sent.iter().filter(|sent| sent.delivered).count();
        let causes = self.causes();
        writeln!(
            f,
            "  orders delivered  {delivered} of {} in {}",
            self.sent.len(),
            Seconds(self.started.elapsed())
        )?;
        writeln!(f, "  attempts          {attempts}")?;
        write!(f, "  retries           {}", causes.values().sum::<usize>())?;
        for (index, (cause, count)) in causes.iter().enumerate() {
            write!(f, "{} {count} × {cause}", if index == 0 { ":" } else { "," })?;
        }
        let Some(slowest) = self.sent.iter().max_by_key(|sent| sent.took) else { return Ok(()) };
        write!(f, "\n  slowest call      {} took {}", slowest.business_id, Seconds(slowest.took))?;
        for (index, attempt) in slowest.attempts.iter().enumerate() {
            let id = attempt.tracking_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
            let cause = &attempt.cause;
            write!(
                f,
                "\n    attempt {}: {:11} {cause:4} Trackingid {id}",
                index + 1,
                attempt.outcome.as_str()
            )?;
        }
        Ok(())
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} s", self.0.as_secs_f64())
    }
}
