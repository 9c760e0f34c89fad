use std::{fmt, sync::Arc, time::Duration};

use crate::{Detail, Entry, EntryId, Store, StoreError, StoreErrorKind, store::Watch};

/// How long a wait for an end goes without looking: some ends are made by who cannot tell.
const LOOK: Duration = Duration::from_secs(5);

/// A stored request, to be asked about later. A clone asks about the same; dropping it changes nothing.
///
/// To ask after a restart, keep the [id](Ticket::id) and see [`Outbox::ticket`](crate::Outbox::ticket).
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

    /// The name of the request in the store.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// Whether it stands for one that was stored before, under the same `dedup_key`.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.duplicate
    }

    /// The request at a glance, as it is now.
    ///
    /// # Errors
    ///
    /// When the store fails, or has it no longer: what was delivered is pruned after a while.
    pub async fn status(&self) -> Result<Entry, StoreError> {
        self.store.entry(self.id).await?.ok_or_else(|| StoreError::no_entry(self.id))
    }

    /// The request with its attempts and their tracking ids; not the body of the response, which is not kept.
    /// A body that was sealed is as it is stored: [`Outbox::detail`](crate::Outbox::detail) opens it.
    ///
    /// # Errors
    ///
    /// As for [`Ticket::status`].
    pub async fn detail(&self) -> Result<Detail, StoreError> {
        self.store.detail(self.id).await?.ok_or_else(|| StoreError::no_entry(self.id))
    }

    /// Waits until the request has come to an end, and yields it as it then is: done, dead or cancelled. A
    /// dead letter can be replayed later all the same. It waits for as long as it takes: bound it with a
    /// timeout of yours. Dropping the future ends the wait, and nothing else.
    ///
    /// # Errors
    ///
    /// When the store has the request no longer, or fails other than for the moment.
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
                // The store is gone, and with it whoever would tell.
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
