mod earlier;
mod entry;
mod fingerprint;
mod header;
mod lines;
mod locked;
mod open;
mod rows;
mod target;
mod writer;

use std::{
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use martello_outcome::ConfigError;
use tokio::sync::mpsc;

pub use self::target::RunTarget;
pub(crate) use self::{
    earlier::{Earlier, EarlierOutcome},
    writer::Writer,
};
use self::{
    lines::{Lines, Next},
    locked::Locked,
    rows::Rows,
};
use crate::{Record, UpsertError};

/// A file that lets a run go on where another was ended, however that came.
///
/// Its first line names the run that it is of, by its input and its [`RunTarget`]; each other line is a
/// [`Record`] as JSON. A record is written before its place in task is given to another, so a process that
/// is killed leaves out only what was in task; and it is made durable every 100 ms and at the end, so a
/// loss of power costs no more than that, besides.
///
/// The next run with the file sends again what is not in it, and what is in it as exhausted or ambiguous;
/// unless a newer request has taken its place since: one with its key, to the same target, headers such as
/// `x-tenant` included, and both PUT or DELETE. That is superseded then. What is done it only counts.
///
/// It is made for its owner alone (mode 0600), for it has what servers said; one that is there keeps its
/// mode.
///
/// One run at a time has the file. Dropping this lets it go; dropping a run does at the runtime's next turn.
pub struct Journal {
    path: Arc<Path>,
    file: Arc<Locked>,
    earlier: Arc<Earlier>,
    length: u64,
}

impl Journal {
    /// Opens the journal in this file for this run, or begins it. The last line is repaired if it was cut off.
    ///
    /// `input` is what tells the input from others, such as [`Journal::fingerprint`] of a file, or a name and
    /// a date: 1 to 512 bytes.
    ///
    /// # Errors
    ///
    /// When the journal is of another run, another run has it, a line is no record, or the file is not a
    /// regular one or cannot be read and written.
    pub async fn open(
        path: impl Into<PathBuf>,
        input: impl Into<String>,
        target: RunTarget,
    ) -> Result<Self, UpsertError> {
        let (path, input) = (path.into(), input.into());
        if !(1..=512).contains(&input.len()) {
            return Err(
                ConfigError::new("input", format_args!("{} bytes", input.len()), "1 to 512 bytes").into()
            );
        }
        let path: Arc<Path> = path.into();
        let header = target.of_input(&input);
        let opening = Arc::clone(&path);
        let opened = tokio::task::spawn_blocking(move || open::open(&opening, &header)).await;
        let open::Opened { file, earlier, length } =
            opened.map_err(|error| open::failed(&path, error.into()))??;
        Ok(Self { path, file: Arc::new(file), earlier: Arc::new(earlier), length })
    }

    /// A name for the content of a file, which no other content has: its SHA-256, made for [`Journal::open`].
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not a regular one: what a pipe yields can be read only once.
    pub async fn fingerprint(path: impl Into<PathBuf>) -> io::Result<String> {
        let path = path.into();
        tokio::task::spawn_blocking(move || fingerprint::of_path(&path)).await?
    }

    /// The same of a file that is open, to read it from there then: a clone of it, which
    /// [`File::try_clone`] makes, is at its start afterwards.
    ///
    /// # Errors
    ///
    /// As of [`Journal::fingerprint`].
    pub async fn fingerprint_of(file: File) -> io::Result<String> {
        tokio::task::spawn_blocking(move || fingerprint::of(file)).await?
    }

    pub(crate) fn earlier(&self) -> Arc<Earlier> {
        Arc::clone(&self.earlier)
    }

    pub(crate) fn path(&self) -> Arc<Path> {
        Arc::clone(&self.path)
    }

    /// Whether an earlier run has begun it, and may have sent what is not in it.
    pub(crate) fn is_resumed(&self) -> bool {
        self.length > 0
    }

    /// The records of what is done, in the order in which it was.
    pub(crate) fn done(&self) -> mpsc::Receiver<Result<Record, UpsertError>> {
        let (out, done) = mpsc::channel(128);
        if self.length == 0 {
            return done;
        }
        let (file, path, length) = (Arc::clone(&self.file), self.path(), self.length);
        tokio::task::spawn_blocking(move || {
            let told = tell(&file, length, &out);
            // Whoever waits for the end of `out` finds the file let go.
            drop(file);
            if let Err(error) = told.map_err(|error| open::failed(&path, error)) {
                // Fails when the run is no more.
                let _ = out.blocking_send(Err(error));
            }
        });
        done
    }

    pub(crate) fn writer(self) -> Writer {
        Writer::new(self.file)
    }
}

/// Reads once more what was read when it was opened: to keep it would take memory for each row.
fn tell(mut file: &File, length: u64, out: &mpsc::Sender<Result<Record, UpsertError>>) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    let mut lines = Lines::new(BufReader::new(file.take(length)));
    lines.next()?;
    while let Next::Line(line) = lines.next()? {
        let record: Record = serde_json::from_slice(line)?;
        if !record.outcome.is_sent_again() && out.blocking_send(Ok(record)).is_err() {
            break;
        }
    }
    Ok(())
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use bytes::Bytes;
    use futures_util::stream;
    use http::{Request, Response};
    use martello_body::Body;

    use super::*;
    use crate::{UpsertAll, UpsertErrorKind};

    /// As on a disk that takes no more: the run stops, and says so with all that it knows.
    #[tokio::test]
    async fn a_journal_that_cannot_be_written_stops_the_run() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("journal");
        let mut journal =
            Journal::open(&path, "orders", RunTarget::new(http::Method::PUT, "http://api/{row}"))
                .await
                .unwrap();
        journal.file = Arc::new(Locked::unlocked(File::open(&path).unwrap()));
        let service =
            tower::service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
        let to_request = |row: &u32| Request::put(format!("http://api/{row}")).body(Bytes::new());
        let upserts = UpsertAll::new(service, to_request).concurrency(2).journal(journal);
        let error = upserts.run(stream::iter(0..1_000)).await.unwrap_err();
        assert_eq!(error.kind(), UpsertErrorKind::Journal);
        assert!(error.to_string().ends_with("could not be written, so that the run has stopped"), "{error}");
        let report = error.report().unwrap();
        assert!(report.is_stopped() && (1..10).contains(&report.counts().written()), "{report}");
    }
}
