//! What earlier attempts at an entry have to do with how this one ended.

use std::time::Duration;

use http::Method;
use martello_outcome::Outcome;

use super::{delivery::Delivery, delivery_result::AttemptResult};
use crate::{EntryId, Outbox};

/// How long the store may take to say what was before: less than a worker that is shut down waits for what it settles.
const ASK: Duration = Duration::from_secs(3);

pub(super) struct EarlierAttempts {
    outbox: Outbox,
    id: EntryId,
    attempt: u32,
    revision: u32,
    method: Method,
}

impl EarlierAttempts {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let Delivery { outbox, id, attempt, revision, request, .. } = delivery;
        let method = request.method.clone();
        Self { outbox: outbox.clone(), id: *id, attempt: *attempt, revision: *revision, method }
    }

    /// How the delivery ended whose last attempt ended so. Only where the answer makes a difference is the
    /// store asked for the attempts before: an entry at a glance knows of the last alone, and an outage goes
    /// on with 503s after it has swallowed an answer.
    pub(super) async fn call_outcome(&self, result: &AttemptResult) -> Outcome {
        let after_doubt = result.outcome.after_doubt(&self.method, result.status);
        if self.attempt <= 1 || after_doubt == result.outcome {
            return result.outcome;
        }
        match self.is_in_doubt().await {
            Some(true) => after_doubt,
            Some(false) => result.outcome,
            None => Outcome::Ambiguous,
        }
    }

    /// Whether an earlier attempt may have been processed. What was edited since is another request, perhaps
    /// for another target. `None` if the store does not say.
    async fn is_in_doubt(&self) -> Option<bool> {
        let detail = tokio::time::timeout(ASK, self.outbox.store().detail(self.id)).await.ok()?.ok()??;
        let mut attempts = detail.attempts.iter().filter(|attempt| attempt.revision == self.revision);
        Some(attempts.any(|attempt| attempt.outcome.may_be_processed(attempt.status)))
    }
}
