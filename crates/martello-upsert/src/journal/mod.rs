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

/// A file of records that lets another run resume where this one ended.
///
/// The first line identifies the run by its input and its [`RunTarget`]. Each other line is a [`Record`] as
/// JSON. A record is written before the next request starts, so that a killed process loses only the records
/// of the requests in flight. The file is synced every 100 ms and at the end, so that a loss of power also
/// loses the last 100 ms.
///
/// The next run with the file sends what is not in it, and what is in it as exhausted or ambiguous. It
/// supersedes such an entity if a newer request with the same key and target (including headers such as
/// `x-tenant`) was written since, and both are a PUT or DELETE. It only counts the entities that are done.
///
/// The file is created with mode 0600, because it contains responses of servers. An existing file keeps its
/// mode.
///
/// The journal locks the file, so that one run uses it at a time. Dropping the journal unlocks it. Dropping a
/// run unlocks it shortly afterwards.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// use http::Method;
/// use martello_upsert::{Journal, RunTarget};
///
/// let target = RunTarget::new(Method::PUT, "https://api.example/orders/{id}");
/// let journal = Journal::open(folder.join("orders.journal"), "orders of May", target).await?;
/// # Ok(())
/// # }
/// ```
pub struct Journal {
    path: Arc<Path>,
    file: Arc<Locked>,
    earlier: Arc<Earlier>,
    length: u64,
}

impl Journal {
    /// Opens or creates the journal in this file. Removes the last line if it is truncated.
    ///
    /// `input` identifies the input, such as [`Journal::fingerprint`] of a file, or a name and a date: 1 to
    /// 512 bytes.
    ///
    /// # Errors
    ///
    /// When the journal belongs to another run, another run uses it, a line is not a record, or the file is
    /// not a regular file or cannot be read and written.
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

    /// The SHA-256 of a file's content, as the `input` of [`Journal::open`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("orders.ndjson");
    /// # std::fs::write(&path, "{}")?;
    /// let input = martello_upsert::Journal::fingerprint(path).await?;
    /// assert!(input.starts_with("sha256:"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is not a regular file. A pipe can be read only once.
    pub async fn fingerprint(path: impl Into<PathBuf>) -> io::Result<String> {
        let path = path.into();
        tokio::task::spawn_blocking(move || fingerprint::of_path(&path)).await?
    }

    /// The SHA-256 of an open file's content. Afterwards, the file and its clones ([`File::try_clone`]) are
    /// at their start.
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

    /// Whether an earlier run created it. That run may have sent entities that are not in it.
    pub(crate) fn is_resumed(&self) -> bool {
        self.length > 0
    }

    /// The records of the entities that are done, in the order in which they ended.
    pub(crate) fn done(&self) -> mpsc::Receiver<Result<Record, UpsertError>> {
        let (out, done) = mpsc::channel(128);
        if self.length == 0 {
            return done;
        }
        let (file, path, length) = (Arc::clone(&self.file), self.path(), self.length);
        tokio::task::spawn_blocking(move || {
            let read = send_done(&file, length, &out);
            // Unlocks the file before `out` ends.
            drop(file);
            if let Err(error) = read.map_err(|error| open::failed(&path, error)) {
                // Fails if the run was dropped.
                let _ = out.blocking_send(Err(error));
            }
        });
        done
    }

    pub(crate) fn writer(self) -> Writer {
        Writer::new(self.file)
    }
}

/// Reads the records again, because keeping them since the opening would use memory for each row.
fn send_done(
    mut file: &File,
    length: u64,
    out: &mpsc::Sender<Result<Record, UpsertError>>,
) -> io::Result<()> {
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

    /// As on a full disk: the run stops with an error that has the report.
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
        assert!(error.to_string().ends_with("; the run has stopped"), "{error}");
        let report = error.report().unwrap();
        assert!(report.is_stopped() && (1..10).contains(&report.counts().written()), "{report}");
    }
}
