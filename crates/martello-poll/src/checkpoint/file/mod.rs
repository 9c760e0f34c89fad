mod json;
mod locked;
mod open;
mod path;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use path::CheckpointPath;

use super::{
    Acquired, CheckpointError, CheckpointErrorKind, CheckpointFuture, CheckpointStore, Fence, Parked,
    ParkedFilter, ParkedId, Save, Saved,
};

/// A checkpoint in a file.
///
/// It is written into a new file of a random name (`.martello-…`), flushed and renamed into place, and its
/// folder is flushed, so that a crash leaves the old or the new one, and that new file at most. If the path
/// is a link, the file that it leads to is replaced, and the other files are beside that. What is parked
/// stands beside it in a file of its own (`….parked`) and is written first; a crash between both leaves
/// something parked that is delivered once more.
///
/// A process whose poller holds it has a lock of the operating system on a third file (`….lock`), which ends
/// with the process; a lease runs out only among clones of one `FileCheckpoint`. The lock works between
/// processes of one machine; on the file system of a network it may not.
///
/// All files are made for their owner alone (mode 0600), because they have what the source listed. Those that
/// are there keep their mode, but what is parked is open to nobody to whom the checkpoint is not, and has its
/// owner. What is not a regular file is refused, and so is a lock file or a file of what is parked that is a
/// link, and a lock file that has other names.
///
/// A clone is the same checkpoint, and so is another of the same path.
#[derive(Clone, Debug)]
pub struct FileCheckpoint {
    path: PathBuf,
    files: Arc<Mutex<CheckpointPath>>,
}

impl FileCheckpoint {
    /// A checkpoint at this path, whose folder exists. Nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { files: Arc::new(Mutex::new(CheckpointPath::new(&path))), path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does it on a thread that may wait for a disk. What was begun is ended, also if nobody waits for it.
    fn blocking<T, F>(&self, work: F) -> CheckpointFuture<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&mut CheckpointPath) -> Result<T, CheckpointError> + Send + 'static,
    {
        let files = self.files.clone();
        let work = move || work(&mut files.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(async move {
            let stopped = |error| {
                CheckpointError::new(CheckpointErrorKind::Unavailable, "the runtime is shutting down")
                    .with_source(error)
            };
            tokio::task::spawn_blocking(work).await.map_err(stopped)?
        })
    }
}

impl CheckpointStore for FileCheckpoint {
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired> {
        self.blocking(move |files| files.acquire(lease))
    }

    fn renew(&self, fence: Fence, lease: Duration) -> CheckpointFuture<'_, bool> {
        self.blocking(move |files| Ok(files.renew(fence, lease)))
    }

    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved> {
        self.blocking(move |files| files.save(fence, save))
    }

    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()> {
        self.blocking(move |files| {
            files.release(fence);
            Ok(())
        })
    }

    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>> {
        self.blocking(move |files| Ok(files.parked()?.list(filter)))
    }

    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        self.blocking(move |files| files.change_parked(|parked_items| Ok(parked_items.redeliver(&ids))))
    }

    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        self.blocking(move |files| files.change_parked(|parked_items| Ok(parked_items.discard(&ids))))
    }
}
