use std::time::Duration;

use http::Method;
use martello_outcome::Outcome;

use super::attempt_result::AttemptResult;
use crate::{Entry, EntryId, Outbox};

/// How long the store may take to list the earlier attempts: less than a shutdown leaves it for the
/// settlements.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The earlier attempts at an entry, which may change what the last one means: a DELETE that finds nothing
/// was successful if an earlier attempt was processed.
pub(super) struct EarlierAttempts {
    outbox: Outbox,
    id: EntryId,
    attempt: u32,
    revision: u32,
    method: Method,
}

impl EarlierAttempts {
    pub(super) fn of(outbox: &Outbox, entry: &Entry, method: &Method) -> Self {
        Self {
            outbox: outbox.clone(),
            id: entry.id,
            attempt: entry.attempts,
            revision: entry.revision,
            method: method.clone(),
        }
    }

    /// The outcome of the entry, given its earlier attempts.
    ///
    /// Reads the earlier attempts from the store only where they matter. The claimed entry has just the last
    /// outcome, and during an outage a 503 may follow the attempt whose response was lost.
    pub(super) async fn entry_outcome(&self, result: &AttemptResult) -> Outcome {
        let after_uncertain_attempt = result.outcome().after_uncertain_attempt(&self.method, result.status());
        if self.attempt <= 1 || after_uncertain_attempt == result.outcome() {
            return result.outcome();
        }
        match self.may_be_processed().await {
            Some(true) => after_uncertain_attempt,
            Some(false) => result.outcome(),
            None => Outcome::Ambiguous,
        }
    }

    /// Whether the server may have processed an earlier attempt at the same revision: after an edit, the
    /// request is another one. `None` if the store fails or does not answer.
    async fn may_be_processed(&self) -> Option<bool> {
        let detail =
            tokio::time::timeout(TIMEOUT, self.outbox.store().detail(self.id)).await.ok()?.ok()??;
        let mut attempts = detail.attempts.iter().filter(|attempt| attempt.revision == self.revision);
        Some(attempts.any(|attempt| attempt.outcome.may_be_processed(attempt.status)))
    }
}
