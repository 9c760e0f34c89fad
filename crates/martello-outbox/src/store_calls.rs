//! Operations of the store, with a time limit.

use std::{error::Error, sync::Arc, time::Duration};

use crate::{
    Enqueued, NewEntry, NotStored, OrderKey, Outbox, Overtaken, StoreError, Ticket,
    store::{KeyState, StoreFuture},
};

/// How long a call waits for the store.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

impl Outbox {
    pub(crate) async fn put(&self, entry: NewEntry) -> Result<Ticket, NotStored> {
        let id = entry.id;
        let enqueued = within(self.store.enqueue(vec![entry])).await?.into_iter().next();
        let (id, duplicate) = match enqueued {
            Some(Enqueued::Duplicate(id)) => (id, true),
            Some(Enqueued::Stored(_)) | None => (id, false),
        };
        Ok(Ticket::new(Arc::clone(&self.store), id, duplicate))
    }

    /// Whether the store has pending entries and dead letters of this key.
    pub(crate) async fn key_state(&self, key: &OrderKey) -> Result<KeyState, StoreError> {
        within(self.store.key_state(self.queue(), key)).await
    }

    /// Marks the dead letters of this key as overtaken. A failure is logged and not returned, because the
    /// newer request was sent in any case.
    pub(crate) async fn overtake(&self, key: &OrderKey, overtaken: Overtaken) {
        if let Err(error) = within(self.store.overtake(self.queue(), key, overtaken)).await {
            let cause = error.source().map(ToString::to_string);
            let queue = self.queue();
            tracing::error!(
                %queue, exception.message = %error, cause,
                "dead letters of a delivered request's key could not be marked as overtaken: a replay would overwrite the request"
            );
        }
    }
}

async fn within<T>(operation: StoreFuture<'_, T>) -> Result<T, StoreError> {
    tokio::time::timeout(ANSWER_WITHIN, operation).await.unwrap_or_else(|_| Err(StoreError::late()))
}
