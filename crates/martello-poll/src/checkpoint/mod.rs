//! Where a poll stands, and what keeps it.

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

/// The future of a store's operation.
///
/// Dropped, the operation may or may not take place.
pub type CheckpointFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, CheckpointError>> + Send + 'a>>;

/// Keeps the checkpoint of one poll, and what it has parked.
///
/// # What every engine promises
///
/// - An operation takes place whole or not at all, also when the process dies in the middle; what it
///   acknowledged, stays.
/// - Any number of stores on the same data, in any number of processes, together behave like one.
/// - One poller holds it at a time. Each holder has a [`Fence`] of its own, which is never handed out twice;
///   whoever has lost the checkpoint to another can save nothing any more.
///
/// The suite in the feature `conformance` says whether an engine does so, and [`MemoryCheckpoint`] is the
/// shortest that does.
pub trait CheckpointStore: fmt::Debug + Send + Sync + 'static {
    /// Takes the checkpoint for this long, unless somebody holds it. A lease that has run out is its holder's
    /// still, until it is taken.
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired>;

    /// Holds it for this long from now, and tells whether it was still held.
    fn renew(&self, fence: Fence, lease: Duration) -> CheckpointFuture<'_, bool>;

    /// Saves all of this, or nothing: first what is no longer parked, then the checkpoint and what is parked.
    /// What is parked already, with the same key, stamp and text, is not parked again. Who does not hold the
    /// checkpoint saves nothing.
    ///
    /// Fails with [`CheckpointErrorKind::Full`] if more than [`Parked::MAX_ITEMS`], or than
    /// [`Parked::MAX_BYTES`] of them, would be parked.
    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved>;

    /// Gives it up. If somebody else holds it by now, nothing changes.
    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()>;

    /// What is parked and passes the filter, the oldest first. Anybody may look.
    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>>;

    /// Has these delivered again, by whoever polls, and tells how many of them are parked. Anybody may ask for it.
    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64>;

    /// Forgets these, and tells how many of them were parked. Anybody may.
    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64>;
}

/// Which holder of a checkpoint it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence(pub u64);

/// What came of [`CheckpointStore::acquire`].
#[derive(Clone, Debug)]
pub enum Acquired {
    /// It is held now.
    Held(Held),
    /// Somebody else holds it.
    HeldElsewhere,
}

/// A checkpoint that was acquired.
#[derive(Clone, Debug)]
pub struct Held {
    /// By whom.
    pub fence: Fence,
    /// What was saved last, if anything was.
    pub checkpoint: Option<Checkpoint>,
}

/// What is saved at once.
#[derive(Clone, Debug)]
pub struct Save {
    /// Where the poll stands.
    pub checkpoint: Checkpoint,
    /// What was parked.
    pub park: Vec<NewParked>,
    /// What is no longer parked.
    pub unpark: Vec<ParkedId>,
}

/// What came of [`CheckpointStore::save`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "what was fenced off was not saved"]
pub enum Saved {
    /// It is saved.
    Saved,
    /// Somebody else holds the checkpoint, or nobody: nothing was saved.
    Fenced,
}
