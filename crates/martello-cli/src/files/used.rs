//! Whatever a run reads or writes, so that it writes to nothing else by mistake.

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

/// The files of a run that are known so far. Each is compared with all before it is opened.
#[derive(Debug)]
pub(crate) struct RunFiles(Vec<Used>);

#[derive(Debug)]
struct Used {
    /// What the command line calls it.
    name: &'static str,
    identity: Identity,
    is_written: bool,
}

impl RunFiles {
    /// Those of every run: where its standard output and its standard error go, if that is a file.
    pub(crate) fn new() -> Self {
        Self(streams::written().into_iter().flatten().collect())
    }

    /// A file that is read.
    pub(crate) fn reads(&mut self, name: &'static str, path: &Path) -> Result<(), CommandError> {
        let used = if is_stdin(path) {
            streams::read(name)
        } else {
            Used::at(name, Identity::of(path), path, false)
        };
        self.add(used)
    }

    /// A file that is written.
    pub(crate) fn writes(&mut self, name: &'static str, path: &Path) -> Result<(), CommandError> {
        if is_stdout(path) {
            return Ok(());
        }
        self.add(Used::at(name, Identity::of(path), path, true))
    }

    /// A file that is read, written, and read again by another run: a regular file.
    pub(crate) fn keeps(&mut self, name: &'static str, path: &Path) -> Result<(), CommandError> {
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            let path = path.display();
            return Err(CommandError::usage(format!(
                "{name} names what is not a regular file: {path} cannot be read again; name a file"
            )));
        }
        self.writes(name, path)
    }

    /// A checkpoint, and what is beside it.
    pub(crate) fn checkpoint(&mut self, path: &Path) -> Result<(), CommandError> {
        self.keeps("--checkpoint", path)?;
        [".parked", ".lock", ".parked.lock"]
            .into_iter()
            .try_for_each(|suffix| self.writes("what is beside the checkpoint", &beside_target(path, suffix)))
    }

    /// A store in a file, and what SQLite puts beside it.
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
                "{} is the same file as {}, which would be overwritten: name another",
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
    /// `None` of what many may use at once, such as a terminal.
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

/// What is beside the file that the path leads to, if it is a link.
pub(crate) fn beside_target(path: &Path, suffix: &str) -> PathBuf {
    beside(&target(path).unwrap_or_else(|| path.to_owned()), suffix)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = OsString::from(path);
    beside.push(suffix);
    beside.into()
}

/// What the shell has opened: files only, for a pipe or a terminal can be that of more than one stream.
#[cfg(unix)]
mod streams {
    use std::{
        fs::File,
        io::{stderr, stdin, stdout},
        os::fd::{AsFd, BorrowedFd},
    };

    use super::{Identity, Used};

    pub(super) fn written() -> [Option<Used>; 2] {
        [
            used("the standard output", stdout().as_fd(), true),
            used("the standard error", stderr().as_fd(), true),
        ]
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
