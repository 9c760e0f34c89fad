//! How a file is written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;
use tokio::io::{AsyncWrite, stdout};

use super::{
    identity::{folder, target},
    is_stdout,
};

/// Something that is written to, while others go on.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

const ROOM: usize = 64 * 1024;

/// Opens what is to be written from its start on, and says whether somebody may read it meanwhile, as from a
/// pipe.
pub(crate) async fn open(path: &Path) -> io::Result<(Writer, bool)> {
    if is_stdout(path) {
        return Ok((Box::new(stdout()), true));
    }
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    let file = options.open(path).await?;
    let is_regular = file.metadata().await?.is_file();
    Ok(if is_regular {
        (Box::new(tokio::io::BufWriter::with_capacity(ROOM, file)), false)
    } else {
        (Box::new(file), true)
    })
}

/// A file that takes the place of another when it is whole.
pub(crate) struct Replacement {
    file: NamedTempFile,
    target: PathBuf,
}

impl Replacement {
    /// For what is at this path; `None` if that is not a regular file, and is written through.
    ///
    /// It is beside what it is to replace, under a random name, and for its owner alone.
    pub(crate) fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return Ok(None),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let target =
            target(path).ok_or_else(|| io::Error::other("too many links lead from one to the next"))?;
        let file = tempfile::Builder::new().prefix(".martello-").tempfile_in(folder(&target))?;
        Ok(Some(Self { file, target }))
    }

    pub(crate) fn writer(&self) -> io::Result<Writer> {
        let file = tokio::fs::File::from_std(self.file.as_file().try_clone()?);
        Ok(Box::new(tokio::io::BufWriter::with_capacity(ROOM, file)))
    }

    /// Puts it there, when all is on the disk.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.make_alike();
        self.file.as_file().sync_all()?;
        self.file.persist(&self.target).map_err(|error| error.error)?;
        Ok(())
    }

    /// Gives it the owner and the mode of what it replaces.
    #[cfg(unix)]
    fn make_alike(&self) {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let file = self.file.as_file();
        let (Ok(mine), Ok(there)) = (file.metadata(), fs::symlink_metadata(&self.target)) else { return };
        if mine.uid() != there.uid() {
            // Nobody but root may.
            let _ = fchown(file, Some(there.uid()), Some(there.gid()));
        }
        // Where this fails, it stays for its owner alone.
        let _ = file.set_permissions(fs::Permissions::from_mode(there.mode() & 0o777));
    }

    #[cfg(not(unix))]
    fn make_alike(&self) {}
}
