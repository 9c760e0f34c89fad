//! Writes the records of a run to `--report`.

use std::{
    io,
    path::{Path, PathBuf},
};

use martello_upsert::Record;
use tokio::io::AsyncWriteExt;

use crate::{
    error::CommandError,
    files::{self, Writer},
    output::json,
};

/// Writes records to the report, or discards them without `--report`.
pub(super) struct ReportWriter {
    out: Option<(Writer, PathBuf)>,
    /// Whether to flush after each line.
    at_once: bool,
}

impl ReportWriter {
    pub(super) async fn open(path: Option<&Path>) -> Result<Self, CommandError> {
        let Some(path) = path else { return Ok(Self { out: None, at_once: false }) };
        let (out, at_once) = files::open(path).await.map_err(|error| unwritten(path, error))?;
        Ok(Self { out: Some((out, path.to_owned())), at_once })
    }

    /// Whether the report is standard output.
    pub(super) fn is_stdout(&self) -> bool {
        self.out.as_ref().is_some_and(|(_, path)| files::is_stdout(path))
    }

    pub(super) async fn write(&mut self, record: &Record) -> Result<(), CommandError> {
        let Some((out, path)) = &mut self.out else { return Ok(()) };
        let line = json(record).map_err(io::Error::from)? + "\n";
        let mut written = out.write_all(line.as_bytes()).await;
        if self.at_once && written.is_ok() {
            written = out.flush().await;
        }
        written.map_err(|error| unwritten(path, error))
    }

    pub(super) async fn finish(&mut self) -> Result<(), CommandError> {
        let Some((out, path)) = &mut self.out else { return Ok(()) };
        out.flush().await.map_err(|error| unwritten(path, error))
    }
}

fn unwritten(path: &Path, error: io::Error) -> CommandError {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return CommandError::interrupted("the reader of the report closed it, so the run stopped");
    }
    CommandError::other(format!("failed to write the report {}", path.display())).with_source(error)
}
