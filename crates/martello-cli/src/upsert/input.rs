//! Opens the input, once. Only a regular file is read again, to count its lines and compute its fingerprint.

use std::{fs, io, path::Path};

use martello_upsert::Journal;
use tokio::{
    io::{AsyncBufRead, BufReader, stdin},
    task::spawn_blocking,
};

use crate::{error::CommandError, files};

pub(super) type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

/// The open input.
pub(super) struct Input {
    pub(super) reader: Reader,
    /// The same file, if it is a regular one.
    regular: Option<fs::File>,
}

impl Input {
    pub(super) async fn open(path: &Path) -> Result<Self, CommandError> {
        if files::is_stdin(path) {
            return Ok(Self { reader: Box::new(BufReader::new(stdin())), regular: None });
        }
        let named = path.to_owned();
        let open = move || {
            let file = fs::File::open(named)?;
            let regular = if file.metadata()?.is_file() { Some(file.try_clone()?) } else { None };
            Ok((file, regular))
        };
        // Opening a pipe blocks until it has a writer.
        let opened = spawn_blocking(open).await.map_err(io::Error::other).and_then(|opened| opened);
        let (file, regular) = opened.map_err(|error| unreadable(path, error))?;
        let file = tokio::fs::File::from_std(file);
        Ok(Self { reader: Box::new(BufReader::with_capacity(256 * 1024, file)), regular })
    }

    /// A fingerprint of the content. Call it before anything is read.
    pub(super) async fn fingerprint(&self, path: &Path) -> Result<String, CommandError> {
        let file = self.regular.as_ref().ok_or_else(once_only)?;
        let read = async { Journal::fingerprint_of(file.try_clone()?).await };
        read.await.map_err(|error| unreadable(path, error))
    }

    /// The number of lines; `None` unless the input is a regular file.
    pub(super) fn count(&mut self) -> impl Future<Output = Option<u64>> + use<> {
        let file = self.regular.take();
        async { spawn_blocking(move || count(&file?).ok()).await.ok()? }
    }
}

/// Checks, before the input is opened, that it can be read again.
pub(super) fn can_be_read_again(path: &Path) -> Result<(), CommandError> {
    let is_regular = fs::metadata(path).map_or(true, |metadata| metadata.is_file());
    if files::is_stdin(path) || !is_regular { Err(once_only()) } else { Ok(()) }
}

fn once_only() -> CommandError {
    CommandError::usage(
        "--journal requires an input that can be read again: save the input to a file, and give that with --input",
    )
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> CommandError {
    CommandError::other(format!("failed to read the input {}", path.display())).with_source(error)
}

/// Counts lines with positioned reads, which do not move the position of the shared file.
#[cfg(unix)]
fn count(file: &fs::File) -> io::Result<u64> {
    use std::os::unix::fs::FileExt;
    let (mut buffer, mut lines, mut last, mut offset) = (vec![0; 256 * 1024], 0_u64, b'\n', 0);
    loop {
        let read = file.read_at(&mut buffer, offset)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(lines + u64::from(last != b'\n'));
        };
        last = bytes.last().copied().unwrap_or(last);
        lines += u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or_default();
        offset += u64::try_from(read).unwrap_or_default();
    }
}

#[cfg(not(unix))]
fn count(_: &fs::File) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_last_line_with_or_without_a_newline() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("lines");
        for (text, lines) in [("", 0), ("a", 1), ("a\n", 1), ("a\n\nb", 3)] {
            fs::write(&path, text).unwrap();
            assert_eq!(count(&fs::File::open(&path).unwrap()).unwrap(), lines, "{text:?}");
        }
    }
}
