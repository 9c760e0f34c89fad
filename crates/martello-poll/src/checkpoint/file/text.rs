//! Files that are JSON, and are replaced whole.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::checkpoint::{StoreError, StoreErrorKind};

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    martello_poll: u32,
    #[serde(flatten)]
    content: T,
}

/// The path with this after it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = OsString::from(path);
    beside.push(suffix);
    beside.into()
}

/// What stands in the file; `None` if there is no file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    #[derive(Deserialize)]
    struct Version {
        martello_poll: u32,
    }
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unavailable("read", path, error)),
    };
    let unusable =
        |what: &str| StoreError::new(StoreErrorKind::Unusable, format!("{} {what}", path.display()));
    let damaged = |error| {
        unusable("is cut off, damaged, or no checkpoint; restore it, or remove it to begin anew")
            .with_source(error)
    };
    let version: Version = serde_json::from_slice(&text).map_err(damaged)?;
    if version.martello_poll != VERSION {
        return Err(unusable("was written by a newer version"));
    }
    let versioned: Versioned<T> = serde_json::from_slice(&text).map_err(damaged)?;
    Ok(Some(versioned.content))
}

/// Writes beside it, flushes, renames, and flushes the folder, without which a rename may not outlast a crash.
pub(super) fn write<T: Serialize>(path: &Path, content: T) -> Result<(), StoreError> {
    let failed = |error| unavailable("written", path, error);
    let text = serde_json::to_vec(&Versioned { martello_poll: VERSION, content })
        .map_err(io::Error::from)
        .map_err(failed)?;
    let new = beside(path, ".new");
    let write = || -> io::Result<()> {
        let mut file = File::create(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        flush_folder(path)
    };
    write().map_err(failed)
}

#[cfg(unix)]
fn flush_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A folder is no file there.
#[cfg(not(unix))]
fn flush_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn unavailable(what: &str, path: &Path, error: io::Error) -> StoreError {
    let message = format!("{} cannot be {what}", path.display());
    StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
}
