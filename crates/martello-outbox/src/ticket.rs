use std::{fmt, sync::Arc, time::Duration};

use crate::{Detail, Entry, EntryId, Store, StoreError, StoreErrorKind, store::Watch};

/// How often a wait reads the state without a notification: not every process can send one.
const LOOK: Duration = Duration::from_secs(5);

/// A handle to a stored request. A clone is a handle to the same request. Dropping it changes nothing.
///
/// To get it again after a restart, keep the [id](Ticket::id) and see
/// [`Outbox::ticket`](crate::Outbox::ticket).
#[derive(Clone)]
pub struct Ticket {
    id: EntryId,
    duplicate: bool,
    store: Arc<dyn Store>,
}

impl Ticket {
    pub(crate) fn new(store: Arc<dyn Store>, id: EntryId, duplicate: bool) -> Self {
        Self { id, duplicate, store }
    }

    /// The id of the entry.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// Whether the request was a duplicate: an entry with its `dedup_key` was stored before.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.duplicate
    }

    /// Reads the current summary of the request.
    ///
    /// # Errors
    ///
    /// When the store fails, or no longer has the request because it was pruned.
    pub async fn status(&self) -> Result<Entry, StoreError> {
        self.store.entry(self.id).await?.ok_or_else(|| StoreError::no_entry(self.id))
    }

    /// Reads the request with its attempts and their tracking ids. Response bodies are not stored. A sealed
    /// body stays sealed: [`Outbox::detail`](crate::Outbox::detail) opens it.
    ///
    /// # Errors
    ///
    /// As for [`Ticket::status`].
    pub async fn detail(&self) -> Result<Detail, StoreError> {
        self.store.detail(self.id).await?.ok_or_else(|| StoreError::no_entry(self.id))
    }

    /// Waits until the request is done, dead or cancelled, and returns its summary. A dead letter can be
    /// replayed later. There is no time limit: wrap it in a timeout. Dropping the future only ends the wait.
    ///
    /// # Errors
    ///
    /// When the store no longer has the request, or fails with another kind than
    /// [`Unavailable`](StoreErrorKind::Unavailable).
    pub async fn ended(&self) -> Result<Entry, StoreError> {
        let mut ends = self.store.watch(Watch::Ended);
        loop {
            ends.mark_unchanged();
            match self.status().await {
                Ok(entry) if !entry.state.is_pending() => return Ok(entry),
                Err(error) if error.kind() != StoreErrorKind::Unavailable => return Err(error),
                Ok(_) | Err(_) => {}
            }
            if let Ok(Err(_)) = tokio::time::timeout(LOOK, ends.changed()).await {
                // The store was closed and sends no more notifications.
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .field("duplicate", &self.duplicate)
            .finish_non_exhaustive()
    }
}
