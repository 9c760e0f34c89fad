use std::{fs, path::PathBuf};

use martello_outbox::{StoreError, StoreErrorKind};

use super::migrate::newer;
use crate::fault;

/// The file that was opened, to notice when its path leads to another, or to none: on some systems it can be moved or
/// deleted while it is open, and whatever is written to it then is lost.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    path: PathBuf,
    /// What tells it from other files, where there is such a thing.
    id: Option<(u64, u64)>,
}

impl OpenedFile {
    pub(super) fn at(path: PathBuf) -> Self {
        let id = id(&path);
        Self { path, id }
    }

    pub(crate) fn is_there(&self) -> bool {
        id(&self.path) == self.id
    }

    /// What those are told who wanted to write to it.
    pub(crate) fn gone(&self) -> StoreError {
        let what =
            "was moved or replaced since it was opened: put it back, or close the store and open it again";
        fault::at_path(StoreErrorKind::Unavailable, &self.path, what)
    }

    /// What those are told who wanted to write to it, after another program has brought it to this version.
    pub(crate) fn newer(&self, version: i32) -> StoreError {
        newer(&self.path, version)
    }
}

#[cfg(unix)]
fn id(path: &PathBuf) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn id(path: &PathBuf) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|_| (0, 0))
}
