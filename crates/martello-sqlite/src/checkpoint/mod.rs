//! The checkpoints of polls: in the same file as the outbox, written by the same threads, equally durable.

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

use crate::{SqliteStore, engine::Engine, fault::Fault, readers::Reader, writer::Tx};

/// The checkpoint of one poll, in the file of a [`SqliteStore`].
///
/// It keeps the store open. Leases use the store's clock, which is this machine's. Of all pollers in all
/// processes that have the file open, one polls at a time. A clone is the same checkpoint, and so is another
/// with the same name.
///
/// ```no_run
/// # use martello_poll::{CheckpointStore, ParkedFilter};
/// # async fn look() -> Result<(), Box<dyn std::error::Error>> {
/// let store = martello_sqlite::SqliteStore::open("/var/lib/orders/outbox.db").await?;
/// for parked in store.checkpoint("plannings")?.parked(ParkedFilter::default()).await? {
///     println!("{parked}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteCheckpoint {
    engine: Arc<Engine>,
    poll: Arc<str>,
}

impl SqliteStore {
    /// The checkpoint of the poll with this name: 1 to 64 ASCII letters, digits, dots, hyphens and
    /// underscores. Nothing is stored until a poller acquires it.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let store = martello_sqlite::SqliteStore::open(directory.path().join("outbox.db")).await?;
    /// let plannings = store.checkpoint("plannings")?;
    /// assert!(store.checkpoint("two words").is_err());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the name is invalid.
    pub fn checkpoint(&self, poll: &str) -> Result<SqliteCheckpoint, ConfigError> {
        check_poll_name(poll)?;
        Ok(SqliteCheckpoint { engine: self.engine(), poll: poll.into() })
    }
}

impl SqliteCheckpoint {
    fn write<T: Send + 'static>(
        &self,
        mut act: impl FnMut(&Tx<'_>, &str) -> Result<T, Fault> + Send + 'static,
    ) -> CheckpointFuture<'_, T> {
        let poll = self.poll.clone();
        Box::pin(async move { self.engine.write(move |tx| act(tx, &poll)).await.map_err(explain) })
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader, &str) -> Result<T, Fault> + Send + 'static,
    ) -> CheckpointFuture<'_, T> {
        let poll = self.poll.clone();
        Box::pin(async move { self.engine.read(move |reader| read(reader, &poll)).await.map_err(explain) })
    }
}

fn explain(error: martello_outbox::StoreError) -> CheckpointError {
    database_failed(is_temporary(&error), error)
}

impl fmt::Debug for SqliteCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteCheckpoint").field("poll", &self.poll).finish_non_exhaustive()
    }
}

impl CheckpointStore for SqliteCheckpoint {
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired> {
        self.write(move |tx, poll| lease::acquire(tx, poll, lease))
    }

    fn renew(&self, fence: Fence, lease: Duration) -> CheckpointFuture<'_, bool> {
        self.write(move |tx, poll| lease::renew(tx, poll, fence, lease))
    }

    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved> {
        Box::pin(async move {
            let Save { checkpoint, park, unpark } = save;
            let checkpoint = checkpoint_to_json(&checkpoint)?;
            let saved =
                self.write(move |tx, poll| save::save(tx, poll, fence, &checkpoint, &unpark, &park)).await?;
            saved.ok_or_else(CheckpointError::full)
        })
    }

    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()> {
        self.write(move |tx, poll| lease::release(tx, poll, fence))
    }

    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>> {
        self.read(move |reader, poll| parked::list(&reader.connection, poll, filter))
    }

    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        self.write(move |tx, poll| parked::redeliver(tx, poll, &ids))
    }

    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        self.write(move |tx, poll| parked::discard(tx, poll, &ids))
    }
}
