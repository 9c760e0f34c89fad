use std::{fs, path::PathBuf};

use martello_outbox::{StoreError, StoreErrorKind};

use super::migrate::newer;
use crate::fault;

/// The file that was opened, to notice when its path no longer leads to it. Some systems allow an open file
/// to be moved or deleted, and writes to it are then lost.
#[derive(Debug)]
pub(crate) struct OpenedFile {
    path: PathBuf,
    /// Device and inode on Unix.
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

    /// The error for writes after the path has changed.
    pub(crate) fn gone(&self) -> StoreError {
        let what =
            "was moved or replaced since it was opened: put it back, or close the store and open it again";
        fault::at_path(StoreErrorKind::Unavailable, &self.path, what)
    }

    /// The error for writes after another program has migrated the file to this version.
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
