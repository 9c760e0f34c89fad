//! Opens files for writing, and replaces files as a whole.

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

/// An asynchronous writer.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

const BUFFER: usize = 64 * 1024;

/// Opens and truncates a file. The flag is whether a reader may wait for each line, as at a pipe.
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
        (Box::new(tokio::io::BufWriter::with_capacity(BUFFER, file)), false)
    } else {
        (Box::new(file), true)
    })
}

/// A temporary file that replaces another one once it is complete.
pub(crate) struct Replacement {
    file: NamedTempFile,
    target: PathBuf,
}

impl Replacement {
    /// Creates the temporary file beside the target, with a random name and mode 0600. `None` if the target
    /// exists and is not a regular file.
    pub(crate) fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => return Ok(None),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let target = target(path).ok_or_else(|| io::Error::other("too many levels of symbolic links"))?;
        let file = tempfile::Builder::new().prefix(".martello-").tempfile_in(folder(&target))?;
        Ok(Some(Self { file, target }))
    }

    pub(crate) fn writer(&self) -> io::Result<Writer> {
        let file = tokio::fs::File::from_std(self.file.as_file().try_clone()?);
        Ok(Box::new(tokio::io::BufWriter::with_capacity(BUFFER, file)))
    }

    /// Syncs the file to disk and renames it to the target.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.make_alike();
        self.file.as_file().sync_all()?;
        self.file.persist(&self.target).map_err(|error| error.error)?;
        Ok(())
    }

    /// Copies the owner and the mode of the file that it replaces.
    #[cfg(unix)]
    fn make_alike(&self) {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let file = self.file.as_file();
        let (Ok(mine), Ok(there)) = (file.metadata(), fs::symlink_metadata(&self.target)) else { return };
        if mine.uid() != there.uid() {
            // Only root may change the owner; otherwise this fails and the file keeps its owner.
            let _ = fchown(file, Some(there.uid()), Some(there.gid()));
        }
        // If this fails, the mode stays 0600.
        let _ = file.set_permissions(fs::Permissions::from_mode(there.mode() & 0o777));
    }

    #[cfg(not(unix))]
    fn make_alike(&self) {}
}
