//! Stores the checkpoints of polls in the schema of the outbox, over the same connections.

mod lease;
mod parked;
mod save;

use std::{fmt, sync::Arc, time::Duration};

use martello_outbox::engine::is_temporary;
use martello_poll::{
    Acquired, CheckpointError, CheckpointFuture, CheckpointStore, ConfigError, Fence, Parked, ParkedFilter,
    ParkedId, Save, Saved,
    engine::{check_poll_name, checkpoint_to_json, database_failed},
};

use crate::{PostgresStore, engine::Engine, shared::Shared};

/// The checkpoint of one poll, in the schema of a [`PostgresStore`].
///
/// It uses the connections of the store and keeps them open. Leases use the server's clock, so only one of
/// the pollers on all machines polls at a time. Clones, and other checkpoints of the same name, share one
/// state.
///
/// ```no_run
/// # use martello_poll::{CheckpointStore, ParkedFilter};
/// # async fn list_parked() -> Result<(), Box<dyn std::error::Error>> {
/// let store = martello_postgres::PostgresStore::connect("postgres://orders@db.internal/orders").await?;
/// for parked in store.checkpoint("plannings")?.parked(ParkedFilter::default()).await? {
///     println!("{parked}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresCheckpoint {
    engine: Arc<Engine>,
    poll: Arc<str>,
}

impl PostgresStore {
    /// Returns the checkpoint of the poll with this name: 1 to 64 ASCII letters, digits, dots, hyphens and
    /// underscores. The store writes nothing before a poller acquires the checkpoint.
    ///
    /// # Errors
    ///
    /// The name is invalid.
    pub fn checkpoint(&self, poll: &str) -> Result<PostgresCheckpoint, ConfigError> {
        check_poll_name(poll)?;
        Ok(PostgresCheckpoint { engine: self.engine(), poll: poll.into() })
    }
}

impl PostgresCheckpoint {
    fn shared(&self) -> &Shared {
        &self.engine.shared
    }
}

fn explain(error: martello_outbox::StoreError) -> CheckpointError {
    database_failed(is_temporary(&error), error)
}

impl fmt::Debug for PostgresCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresCheckpoint").field("poll", &self.poll).finish_non_exhaustive()
    }
}

impl CheckpointStore for PostgresCheckpoint {
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired> {
        Box::pin(async move { lease::acquire(self.shared(), &self.poll, lease).await.map_err(explain) })
    }

    fn renew(&self, fence: Fence, lease: Duration) -> CheckpointFuture<'_, bool> {
        Box::pin(async move { lease::renew(self.shared(), &self.poll, fence, lease).await.map_err(explain) })
    }

    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved> {
        Box::pin(async move {
            let checkpoint = checkpoint_to_json(&save.checkpoint)?;
            let saved = save::save(self.shared(), &self.poll, fence, checkpoint, &save).await;
            let saved = saved.map_err(explain)?;
            saved.ok_or_else(CheckpointError::full)
        })
    }

    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()> {
        Box::pin(async move { lease::release(self.shared(), &self.poll, fence).await.map_err(explain) })
    }

    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>> {
        Box::pin(async move { parked::list(self.shared(), &self.poll, filter).await.map_err(explain) })
    }

    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        Box::pin(async move { parked::redeliver(self.shared(), &self.poll, &ids).await.map_err(explain) })
    }

    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        Box::pin(async move { parked::discard(self.shared(), &self.poll, &ids).await.map_err(explain) })
    }
}
