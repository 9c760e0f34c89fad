//! Opens a journal, repairs its end, and reads its records.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

use super::{
    Earlier, entry,
    header::{Header, NoHeader},
    lines::{Lines, Next},
    locked::Locked,
};
use crate::{UpsertError, UpsertErrorKind};

/// An open journal, locked until it is dropped.
pub(super) struct Opened {
    pub(super) file: Locked,
    pub(super) earlier: Earlier,
    /// How many bytes of it are from earlier runs.
    pub(super) length: u64,
}

pub(super) fn open(path: &Path, header: &Header) -> Result<Opened, UpsertError> {
    let failed = |error| failed(path, error);
    let file = match Locked::try_lock(open_file(path)?) {
        Ok(file) => file,
        Err(TryLockError::WouldBlock) => {
            let message = format!("another run uses the journal {}: wait until it ends", path.display());
            return Err(UpsertError::new(UpsertErrorKind::JournalInUse, message));
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    };
    let first = header.line();
    if is_unwritten(&file, &first).map_err(failed)? {
        begin(&file, path, &first).map_err(failed)?;
        return Ok(Opened { file, earlier: Earlier::default(), length: 0 });
    }
    let (earlier, length) = read(&file, path, header)?;
    // A truncated record was of a request in flight, or was lost with the power.
    file.set_len(length).map_err(failed)?;
    Ok(Opened { file, earlier, length })
}

/// Opens the file, or creates it for its owner only, because it contains responses of servers. A pipe is
/// refused, because it cannot be read again.
fn open_file(path: &Path) -> Result<File, UpsertError> {
    // For a folder, opening fails with a clear error.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        let message = format!("{} is not a regular file: use another file", path.display());
        return Err(UpsertError::new(UpsertErrorKind::JournalDamaged, message));
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| failed(path, error))
}

/// Whether the file is empty, or has only a part of its header because a run was killed at its start.
fn is_unwritten(mut file: &File, header: &[u8]) -> io::Result<bool> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    let most = u64::try_from(header.len()).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut start)?;
    Ok(start.len() < header.len() && header.starts_with(&start))
}

fn begin(mut file: &File, path: &Path, header: &[u8]) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(header)?;
    file.sync_all()?;
    // The file's name is durable once its folder is synced. Some systems cannot open a folder.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}

/// The results of earlier runs, and the offset at which the last complete line ends.
fn read(mut file: &File, path: &Path, header: &Header) -> Result<(Earlier, u64), UpsertError> {
    let failed = |error| failed(path, error);
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut lines = Lines::new(BufReader::new(file));
    let begun = match lines.next().map_err(failed)? {
        Next::Line(line) => Header::parse(line),
        Next::Truncated | Next::TooLong | Next::End => Err(NoHeader::SomethingElse),
    };
    let begun = begun.map_err(|no_header| unusable(path, &no_header))?;
    if let Some((kind, what)) = begun.differs(header) {
        let path = path.display();
        let message = format!(
            "the journal {path} belongs to a run with {what}: use another journal, or start the run as before"
        );
        return Err(UpsertError::new(kind, message));
    }
    let mut earlier = Earlier::default();
    loop {
        let record = match lines.next().map_err(failed)? {
            Next::Line(line) => entry::parse(line).ok(),
            Next::Truncated | Next::End => return Ok((earlier, lines.end)),
            Next::TooLong => None,
        };
        match record {
            Some((record, state)) => earlier.add(&record, state),
            None => return Err(damaged(path, lines.number)),
        }
    }
}

fn unusable(path: &Path, no_header: &NoHeader) -> UpsertError {
    let path = path.display();
    let message = match no_header {
        NoHeader::SomethingElse => format!("{path} is not a journal of upserts: use another file"),
        NoHeader::Older => format!(
            "the journal {path} was written by an older version and cannot be resumed: use another file"
        ),
        NoHeader::Newer => {
            format!(
                "the journal {path} was written by a newer version: resume with that version, or use another file"
            )
        }
    };
    UpsertError::new(UpsertErrorKind::JournalDamaged, message)
}

pub(super) fn damaged(path: &Path, line: u64) -> UpsertError {
    let message = format!(
        "line {line} of the journal {} is not a record: correct it, or delete it to send its entity again",
        path.display()
    );
    UpsertError::new(UpsertErrorKind::JournalDamaged, message)
}

pub(super) fn failed(path: &Path, error: io::Error) -> UpsertError {
    let message = format!("failed to read or write the journal {}", path.display());
    UpsertError::new(UpsertErrorKind::Journal, message).with_source(error)
}
