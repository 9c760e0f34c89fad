//! Where the records go.

use std::{
    io,
    path::{Path, PathBuf},
};

use martello_upsert::Record;
use tokio::{
    fs::File,
    io::{AsyncWrite, AsyncWriteExt, BufWriter, stdout},
};

use crate::failure::Failure;

type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A report, or none.
pub(super) struct Reporter {
    out: Option<(Writer, PathBuf)>,
    /// Whether each line is to be seen at once.
    at_once: bool,
}

impl Reporter {
    pub(super) async fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let at_once = path == Some(Path::new("-"));
        let out: Option<Writer> = match path {
            None => None,
            Some(_) if at_once => Some(Box::new(stdout())),
            Some(path) => {
                let file = File::create(path).await.map_err(|error| unwritten(path, error))?;
                Some(Box::new(BufWriter::with_capacity(64 * 1024, file)))
            }
        };
        Ok(Self { out: out.zip(path.map(Path::to_owned)), at_once })
    }

    /// Whether it is the standard output.
    pub(super) fn is_stdout(&self) -> bool {
        self.at_once
    }

    pub(super) async fn write(&mut self, record: &Record) -> Result<(), Failure> {
        let Some((out, path)) = &mut self.out else { return Ok(()) };
        let mut line = serde_json::to_vec(record).map_err(io::Error::from)?;
        line.push(b'\n');
        let mut written = out.write_all(&line).await;
        if self.at_once && written.is_ok() {
            written = out.flush().await;
        }
        written.map_err(|error| unwritten(path, error))
    }

    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        let Some((out, path)) = &mut self.out else { return Ok(()) };
        out.flush().await.map_err(|error| unwritten(path, error))
    }
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::interrupted("the reader of the report has gone away, so that the run has stopped");
    }
    Failure::other(format!("the report {} cannot be written", path.display())).because(error)
}
