//! Records the files that a run reads and writes, and rejects a conflict between them.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use super::{
    identity::{Identity, target},
    is_stdin, is_stdout,
};
use crate::error::CommandError;

/// The files of a run. Each is compared with all earlier ones before it is opened.
#[derive(Debug)]
pub(crate) struct RunFiles(Vec<Used>);

#[derive(Debug)]
struct Used {
    /// The name for error messages, such as `--journal`.
    name: &'static str,
    identity: Identity,
    is_written: bool,
}

impl RunFiles {
    /// Starts with standard output and standard error, where these are files.
    pub(crate) fn new() -> Self {
        Self(streams::written().into_iter().flatten().collect())
    }

    /// Adds a file that the run reads.
    pub(crate) fn reads(&mut self, name: &'static str, path: &Path) -> Result<(), CommandError> {
        let used = if is_stdin(path) {
            streams::read(name)
        } else {
            Used::at(name, Identity::of(path), path, false)
        };
        self.add(used)
    }

    /// Adds a file that the run writes.
    pub(crate) fn writes(&mut self, name: &'static str, path: &Path) -> Result<(), CommandError> {
        if is_stdout(path) {
            return Ok(());
        }
        self.add(Used::at(name, Identity::of(path), path, true))
    }

    /// Adds a file that a later run reads again, which must be a regular file.
    pub(crate) fn keeps(&mut self, name: &'static str, path: &Path) -> Result<(), CommandError> {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let path = path.display();
            return Err(CommandError::usage(format!(
                "{name}: {path} is not a regular file, so a later run cannot read it; give a regular file"
            )));
        }
        self.writes(name, path)
    }

    /// Adds a checkpoint and the files beside it.
    pub(crate) fn checkpoint(&mut self, path: &Path) -> Result<(), CommandError> {
        self.keeps("--checkpoint", path)?;
        [".parked", ".lock", ".parked.lock"]
            .into_iter()
            .try_for_each(|suffix| self.writes("a file beside the checkpoint", &beside_target(path, suffix)))
    }

    /// Adds a SQLite store and the files beside it.
    pub(crate) fn store(&mut self, path: &Path) -> Result<(), CommandError> {
        self.writes("the store", path)?;
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        ["-wal", "-shm", "-journal"]
            .into_iter()
            .try_for_each(|suffix| self.writes("the store", &beside(&target, suffix)))
    }

    fn add(&mut self, used: Option<Used>) -> Result<(), CommandError> {
        let Some(used) = used else { return Ok(()) };
        let other = self
            .0
            .iter()
            .find(|other| (used.is_written || other.is_written) && used.identity.is(&other.identity));
        match other {
            Some(other) => Err(CommandError::usage(format!(
                "{} is the same file as {}, which would be overwritten: give another file",
                used.name, other.name
            ))),
            None => {
                self.0.push(used);
                Ok(())
            }
        }
    }
}

impl Used {
    /// `None` for a file that may be used more than once, such as a terminal.
    fn at(name: &'static str, identity: Option<Identity>, path: &Path, is_written: bool) -> Option<Self> {
        let is_shared = fs::metadata(path).is_ok_and(|metadata| is_shared(&metadata));
        identity.filter(|_| !is_shared).map(|identity| Self { name, identity, is_written })
    }
}

#[cfg(unix)]
fn is_shared(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_char_device() || metadata.file_type().is_socket()
}

#[cfg(not(unix))]
fn is_shared(_: &fs::Metadata) -> bool {
    false
}

/// The path with a suffix, after following links.
pub(crate) fn beside_target(path: &Path, suffix: &str) -> PathBuf {
    beside(&target(path).unwrap_or_else(|| path.to_owned()), suffix)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = OsString::from(path);
    beside.push(suffix);
    beside.into()
}

/// The standard streams, where these are files. A pipe or a terminal may serve several streams at once.
#[cfg(unix)]
mod streams {
    use std::{
        fs::File,
        io::{stderr, stdin, stdout},
        os::fd::{AsFd, BorrowedFd},
    };

    use super::{Identity, Used};

    pub(super) fn written() -> [Option<Used>; 2] {
        [used("standard output", stdout().as_fd(), true), used("standard error", stderr().as_fd(), true)]
    }

    pub(super) fn read(name: &'static str) -> Option<Used> {
        used(name, stdin().as_fd(), false)
    }

    fn used(name: &'static str, stream: BorrowedFd<'_>, is_written: bool) -> Option<Used> {
        let metadata = File::from(stream.try_clone_to_owned().ok()?).metadata().ok()?;
        let identity = Identity::of_open(&metadata).filter(|_| metadata.is_file())?;
        Some(Used { name, identity, is_written })
    }
}

#[cfg(not(unix))]
mod streams {
    use super::Used;

    pub(super) fn written() -> [Option<Used>; 2] {
        [None, None]
    }

    pub(super) fn read(_: &'static str) -> Option<Used> {
        None
    }
}
