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
/// Each save writes a new file with a random name (`.martello-…`), flushes it, renames it over the old one,
/// and flushes the folder. A crash leaves the old or the new checkpoint, and at most that temporary file. If
/// the path is a symbolic link, the file that it leads to is replaced. Parked items are in a second file
/// beside it (`….parked`), which is written first: a crash between both writes leaves a parked item that is
/// delivered once more.
///
/// A poller holds an operating system lock on a third file (`….lock`), which ends with the process. Leases
/// expire only between clones of one `FileCheckpoint`. The lock works between processes of one machine, but
/// may not work on a network file system.
///
/// New files have mode 0600, because they contain items of the source. Existing files keep their mode. The
/// file of parked items has the owner of the checkpoint and gives no permission that the checkpoint does not
/// give. A path that is not a regular file is an error; so is a symbolic link at the lock file or the file of
/// parked items, and a lock file with hard links.
///
/// A clone is the same checkpoint, and so is another `FileCheckpoint` with the same path.
///
/// ```
/// use martello_poll::FileCheckpoint;
///
/// let checkpoint = FileCheckpoint::new("plannings.checkpoint"); // opens nothing yet
/// assert_eq!(checkpoint.path().to_str(), Some("plannings.checkpoint"));
/// ```
#[derive(Clone, Debug)]
pub struct FileCheckpoint {
    path: PathBuf,
    files: Arc<Mutex<CheckpointPath>>,
}

impl FileCheckpoint {
    /// A checkpoint at this path. The folder must exist. Nothing is opened yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { files: Arc::new(Mutex::new(CheckpointPath::new(&path))), path }
    }

    /// The path of the checkpoint.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` on a thread that may block. It runs to its end even if the future is dropped.
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
