//! Reads JSON files, and replaces them atomically.

#[cfg(unix)]
use std::fs::File;
use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::open::{self, unavailable, unusable};
use crate::checkpoint::CheckpointError;

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    martello_poll: u32,
    #[serde(flatten)]
    content: T,
}

/// The path with this suffix.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut with_suffix = OsString::from(path);
    with_suffix.push(suffix);
    with_suffix.into()
}

/// Reads and parses the file; `None` if there is no file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CheckpointError> {
    #[derive(Deserialize)]
    struct Version {
        martello_poll: u32,
    }
    let failed = |error| unavailable("read", path, error);
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let mut file = open::for_reading(path)?;
    let kind = file.metadata().map_err(failed)?.file_type();
    // Reading a folder fails with a clear error of the system.
    if !kind.is_file() && !kind.is_dir() {
        return Err(unusable(path, "is not a regular file; use another path"));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text).map_err(failed)?;
    let corrupt = |error| {
        unusable(
            path,
            "is truncated, corrupt, or not a checkpoint file; restore it, or remove it to start over",
        )
        .with_source(error)
    };
    let version: Version = serde_json::from_slice(&text).map_err(corrupt)?;
    if version.martello_poll != VERSION {
        return Err(unusable(path, "was written by a newer version; upgrade this program"));
    }
    let versioned: Versioned<T> = serde_json::from_slice(&text).map_err(corrupt)?;
    Ok(Some(versioned.content))
}

/// Writes a new temporary file in the same folder, flushes it, renames it over `path`, and flushes the
/// folder, without which the rename may not survive a crash. `checkpoint` is the path of the checkpoint,
/// whose owner the file gets.
pub(super) fn write<T: Serialize>(path: &Path, checkpoint: &Path, content: T) -> Result<(), CheckpointError> {
    let failed = |error| unavailable("written", path, error);
    let text = serde_json::to_vec(&Versioned { martello_poll: VERSION, content })
        .map_err(io::Error::from)
        .map_err(failed)?;
    let write = || -> io::Result<()> {
        // The name is random, the call fails if the file exists, and the mode is 0600.
        let mut file = tempfile::Builder::new().prefix(".martello-").tempfile_in(folder(path))?;
        file.write_all(&text)?;
        open::copy_owner_and_mode(file.as_file(), path, checkpoint);
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        flush_folder(path)
    };
    write().map_err(failed)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
fn flush_folder(path: &Path) -> io::Result<()> {
    File::open(folder(path))?.sync_all()
}

/// Other systems cannot open a folder as a file.
#[cfg(not(unix))]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
