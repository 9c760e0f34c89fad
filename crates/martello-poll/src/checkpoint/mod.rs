//! The state of a poll, and the stores that keep it.

mod data;
mod error;
mod file;
mod memory;
mod parked;

use std::{fmt, future::Future, pin::Pin, time::Duration};

pub use data::{Checkpoint, Delivered};
pub use error::{CheckpointError, CheckpointErrorKind};
pub use file::FileCheckpoint;
pub use memory::MemoryCheckpoint;
pub use parked::{NewParked, Parked, ParkedFilter, ParkedId};

/// The future of an operation of a [`CheckpointStore`].
///
/// If it is dropped, the operation may or may not take place.
pub type CheckpointFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CheckpointError>> + Send + 'a>>;

/// Stores the checkpoint of one poll, and its parked items.
///
/// # What every engine promises
///
/// - Each operation is atomic, even if the process is killed. Its effect is durable once its future has
///   completed.
/// - Any number of stores on the same data, in any number of processes, behave like one store.
/// - One poller holds the checkpoint at a time. Each holder has its own [`Fence`], which is never used twice.
///   A poller that has lost the checkpoint cannot save.
///
/// The test suite in the feature `conformance` checks this. [`MemoryCheckpoint`] is the shortest
/// implementation.
///
/// ```
/// use martello_poll::{CheckpointError, CheckpointStore, ParkedFilter};
///
/// /// Delivers all parked items again.
/// async fn redeliver_all(store: &impl CheckpointStore) -> Result<u64, CheckpointError> {
///     let parked = store.parked(ParkedFilter::default()).await?;
///     store.redeliver(parked.iter().map(|parked| parked.id).collect()).await
/// }
/// ```
pub trait CheckpointStore: fmt::Debug + Send + Sync + 'static {
    /// Acquires the checkpoint for this long, unless another poller holds it. An expired lease stays with its
    /// holder until another poller acquires it.
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired>;

    /// Extends the lease to this long from now. Returns whether the checkpoint was still held.
    fn renew(&self, fence: Fence, lease: Duration) -> CheckpointFuture<'_, bool>;

    /// Saves all of this or nothing: it first removes the unparked items, then saves the checkpoint and the
    /// newly parked items. An item with the same key, stamp and text as a parked one is not parked again. A
    /// poller that does not hold the checkpoint saves nothing.
    ///
    /// Fails with [`CheckpointErrorKind::Full`] if more than [`Parked::MAX_ITEMS`], or than
    /// [`Parked::MAX_BYTES`] of them, would be parked.
    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved>;

    /// Releases the checkpoint. Does nothing if another poller holds it by now.
    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()>;

    /// Lists the parked items that match the filter, oldest first. It needs no lease.
    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>>;

    /// Marks these parked items for redelivery, and returns how many of them are parked. It needs no lease.
    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64>;

    /// Deletes these parked items, and returns how many of them were parked. It needs no lease.
    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64>;
}

/// Identifies one holder of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// The result of [`CheckpointStore::acquire`].
#[derive(Clone, Debug)]
pub enum Acquired {
    /// The caller holds the checkpoint now.
    Held(Held),
    /// Another poller holds it.
    HeldElsewhere,
}

/// A checkpoint that was acquired.
#[derive(Clone, Debug)]
pub struct Held {
    /// The fence of the holder.
    pub fence: Fence,
    /// The checkpoint that was saved last; `None` if there is none.
    pub checkpoint: Option<Checkpoint>,
}

/// What one [`save`](CheckpointStore::save) stores.
#[derive(Clone, Debug)]
pub struct Save {
    /// The state of the poll.
    pub checkpoint: Checkpoint,
    /// The items to park.
    pub park: Vec<NewParked>,
    /// The parked items to remove.
    pub unpark: Vec<ParkedId>,
}

/// The result of [`CheckpointStore::save`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a fenced save stored nothing"]
pub enum Saved {
    /// Everything is saved.
    Saved,
    /// The caller no longer holds the checkpoint: nothing is saved.
    Fenced,
}
