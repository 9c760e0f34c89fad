//! A run's access to its journal, if it has one.

use std::{io, path::Path, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    Journal, Record, UpsertError, UpsertErrorKind, UpsertOutcome,
    journal::{Earlier, EarlierOutcome, Writer},
    send::SentBefore,
    state::State,
};

/// The journal of a run, or nothing.
#[derive(Default)]
pub(crate) struct JournalHandle(Option<OpenJournal>);

struct OpenJournal {
    writer: Writer,
    earlier: Arc<Earlier>,
    path: Arc<Path>,
    resumed: bool,
    done: Option<mpsc::Receiver<Result<Record, UpsertError>>>,
}

impl JournalHandle {
    pub(crate) fn new(journal: Option<Journal>) -> Self {
        Self(journal.map(|journal| OpenJournal {
            earlier: journal.earlier(),
            path: journal.path(),
            resumed: journal.is_resumed(),
            done: Some(journal.done()),
            writer: journal.writer(),
        }))
    }

    /// The next record that earlier runs are done with.
    pub(super) async fn next_done(&mut self) -> Option<Result<Record, UpsertError>> {
        let done = self.0.as_mut()?.done.as_mut()?;
        done.recv().await
    }

    pub(super) fn before(&self, row: u64) -> EarlierOutcome {
        self.0.as_ref().map_or(EarlierOutcome::Nothing, |journal| journal.earlier.of(row))
    }

    /// Whether an earlier run may have sent the request. Its conflict may then be its own result.
    pub(super) fn sent_before(&self, before: EarlierOutcome) -> Option<SentBefore> {
        let resumed = self.0.as_ref().is_some_and(|journal| journal.resumed);
        match before {
            EarlierOutcome::InDoubt => Some(SentBefore::Certainly),
            _ => resumed.then_some(SentBefore::Possibly),
        }
    }

    /// Writes the record of an entity that was not sent, or whose task panicked. Entities that were not
    /// attempted are left out, as if they had not been read.
    pub(super) async fn write(&self, record: &Record, state: Option<State>) -> io::Result<()> {
        match &self.0 {
            Some(journal) if record.outcome != UpsertOutcome::NotAttempted => {
                journal.writer.append(record, state).await
            }
            _ => Ok(()),
        }
    }

    pub(super) fn writer(&self) -> Option<Writer> {
        self.0.as_ref().map(|journal| journal.writer.clone())
    }

    /// Syncs the file.
    pub(super) async fn finish(&self) -> io::Result<()> {
        match &self.0 {
            Some(journal) => journal.writer.finish().await,
            None => Ok(()),
        }
    }

    pub(super) fn failed(&self, error: io::Error) -> UpsertError {
        let path = self.0.as_ref().map_or(Path::new(""), |journal| &*journal.path);
        let message = format!("failed to write the journal {}; the run has stopped", path.display());
        UpsertError::new(UpsertErrorKind::Journal, message).with_source(error)
    }
}
