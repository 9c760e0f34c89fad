//! Compares files by device and inode, not by name.

use std::{
    ffi::OsString,
    fs::{self, Metadata},
    path::{Path, PathBuf},
};

/// The maximum number of links that are followed, as on Linux.
const LINKS: usize = 40;

/// A file, its position in a directory, or both: a file that does not exist yet may be created at any time.
#[derive(Debug)]
pub(super) struct Identity {
    file: Option<Unique>,
    place: Option<(Unique, OsString)>,
}

#[cfg(unix)]
type Unique = (u64, u64);
#[cfg(not(unix))]
type Unique = PathBuf;

impl Identity {
    /// `None` if the path cannot be read; opening it reports why.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok().and_then(|metadata| unique(path, &metadata));
        let place = place(path);
        (file.is_some() || place.is_some()).then_some(Self { file, place })
    }

    /// The identity of an open file.
    #[cfg(unix)]
    pub(super) fn of_open(metadata: &Metadata) -> Option<Self> {
        unique(Path::new(""), metadata).map(|file| Self { file: Some(file), place: None })
    }

    /// Whether both are the same file, or the same name in the same directory.
    pub(super) fn is(&self, other: &Self) -> bool {
        (self.file.is_some() && self.file == other.file)
            || (self.place.is_some() && self.place == other.place)
    }
}

/// The directory of the file, and the file's name there.
fn place(path: &Path) -> Option<(Unique, OsString)> {
    let target = target(path)?;
    let folder = folder(&target);
    let folder = unique(folder, &fs::metadata(folder).ok()?)?;
    Some((folder, target.file_name()?.to_owned()))
}

/// Follows links to their target; `None` if there are too many.
pub(super) fn target(path: &Path) -> Option<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..LINKS {
        let Ok(next) = fs::read_link(&target) else { return Some(target) };
        target.pop();
        target.push(next);
    }
    None
}

/// The directory of the file.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn unique(_: &Path, metadata: &Metadata) -> Option<Unique> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn unique(path: &Path, _: &Metadata) -> Option<Unique> {
    path.canonicalize().ok()
}
