//! Opens files safely in a folder where other users may write: follows no link that they placed, and never
//! blocks.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::checkpoint::{CheckpointError, CheckpointErrorKind};

/// The most symbolic links that are followed in a row, as on Linux.
const MAX_LINKS: usize = 40;

/// Resolves symbolic links. A save replaces the file that the link leads to, not the link.
pub(super) fn resolve_links(path: &Path) -> io::Result<PathBuf> {
    match fs::metadata(path) {
        // The system refuses to follow the link: another user may have placed it in a shared folder.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(next) = fs::read_link(&target) else { return Ok(target) };
        target.pop();
        target.push(next);
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

/// Opens a file for reading, without blocking on a pipe. It refuses a symbolic link: the path of the
/// checkpoint is already resolved, and another user may have placed a link beside it.
#[cfg(unix)]
pub(super) fn for_reading(path: &Path) -> Result<File, CheckpointError> {
    use rustix::{
        fs::{Mode, OFlags, open},
        io::Errno,
    };

    let how = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(path, how, Mode::empty()).map(File::from).map_err(|error| match error {
        Errno::LOOP | Errno::MLINK => {
            unusable(path, "is a symbolic link; check who created it, then remove it")
        }
        error => unavailable("read", path, error.into()),
    })
}

#[cfg(not(unix))]
pub(super) fn for_reading(path: &Path) -> Result<File, CheckpointError> {
    File::open(path).map_err(|error| unavailable("read", path, error))
}

/// Opens a lock file, or creates one with mode 0600. Its name is predictable, so another user may have placed
/// a link there: the file behind a link is not touched.
#[cfg(unix)]
pub(super) fn for_locking(path: &Path, of: &Path) -> Result<File, CheckpointError> {
    use std::os::unix::fs::MetadataExt;

    use rustix::{
        fs::{Mode, OFlags, open},
        io::Errno,
    };

    let is_link = || {
        unusable(path, "is a symbolic link or has more than one name; check who created it, then remove it")
    };
    let failed = |error| unavailable("locked", path, error);
    let how = OFlags::RDWR
        | OFlags::CREATE
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let file: File = match open(path, how, Mode::RUSR | Mode::WUSR) {
        Ok(file) => file.into(),
        // Some systems report a link with this code.
        Err(Errno::LOOP | Errno::MLINK) => return Err(is_link()),
        Err(error) => return Err(failed(error.into())),
    };
    let made = file.metadata().map_err(failed)?;
    if !made.is_file() {
        return Err(unusable(path, "is not a regular file; check who created it, then remove it"));
    }
    if made.nlink() > 1 {
        return Err(is_link());
    }
    copy_owner(&file, of);
    Ok(file)
}

#[cfg(not(unix))]
pub(super) fn for_locking(path: &Path, _: &Path) -> Result<File, CheckpointError> {
    let mut options = fs::OpenOptions::new();
    let opened = options.create(true).read(true).write(true).truncate(false).open(path);
    opened.map_err(|error| unavailable("locked", path, error))
}

/// Gives a new file the mode of the file that it replaces, and the owner of the checkpoint.
///
/// The mode grants no permission that the checkpoint does not grant. If there is no checkpoint yet, the mode
/// of a file of another user is ignored.
#[cfg(unix)]
pub(super) fn copy_owner_and_mode(file: &File, replaced: &Path, checkpoint: &Path) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    copy_owner(file, checkpoint);
    let (Ok(mine), Ok(there)) = (file.metadata(), fs::symlink_metadata(replaced)) else { return };
    let most = match fs::symlink_metadata(checkpoint) {
        Ok(checkpoint) => checkpoint.mode(),
        Err(_) if there.uid() == mine.uid() => 0o777,
        Err(_) => return,
    };
    // If this fails, the mode stays 0600.
    let _ = file.set_permissions(fs::Permissions::from_mode(there.mode() & most & 0o777));
}

#[cfg(not(unix))]
pub(super) fn copy_owner_and_mode(_: &File, _: &Path, _: &Path) {}

/// Root gives a file that it creates to the owner of the file beside it, like SQLite.
#[cfg(unix)]
fn copy_owner(file: &File, of: &Path) {
    use std::os::unix::fs::{MetadataExt, fchown};
    if let (Ok(mine), Ok(there)) = (file.metadata(), fs::symlink_metadata(of))
        && mine.uid() != there.uid()
    {
        // Only root is permitted to do this.
        let _ = fchown(file, Some(there.uid()), Some(there.gid()));
    }
}

pub(super) fn unavailable(what: &str, path: &Path, error: io::Error) -> CheckpointError {
    let message = format!("{} cannot be {what}", path.display());
    CheckpointError::new(CheckpointErrorKind::Unavailable, message).with_source(error)
}

pub(super) fn unusable(path: &Path, what: &str) -> CheckpointError {
    CheckpointError::new(CheckpointErrorKind::Unusable, format!("{} {what}", path.display()))
}
