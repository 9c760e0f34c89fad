//! What is written down of a run, and what was of earlier ones.

use std::{io, path::Path, sync::Arc};

use tokio::sync::mpsc;

use crate::{
    Journal, Record, UpsertError, UpsertErrorKind, UpsertOutcome,
    journal::{Earlier, EarlierOutcome, Writer},
    send::SentBefore,
    state::State,
};

/// A journal, or none.
#[derive(Default)]
pub(crate) struct JournalHandle(Option<Kept>);

struct Kept {
    writer: Writer,
    earlier: Arc<Earlier>,
    path: Arc<Path>,
    resumed: bool,
    done: Option<mpsc::Receiver<Result<Record, UpsertError>>>,
}

impl JournalHandle {
    pub(crate) fn new(journal: Option<Journal>) -> Self {
        Self(journal.map(|journal| Kept {
            earlier: journal.earlier(),
            path: journal.path(),
            resumed: journal.is_resumed(),
            done: Some(journal.done()),
            writer: journal.writer(),
        }))
    }

    /// The next record of those that earlier runs are done with.
    pub(super) async fn recall(&mut self) -> Option<Result<Record, UpsertError>> {
        let done = self.0.as_mut()?.done.as_mut()?;
        done.recv().await
    }

    pub(super) fn before(&self, row: u64) -> EarlierOutcome {
        self.0.as_ref().map_or(EarlierOutcome::Nothing, |kept| kept.earlier.of(row))
    }

    /// What a request has to say of earlier runs, so that a conflict with its own earlier self is recognised.
    pub(super) fn sent_before(&self, before: EarlierOutcome) -> Option<SentBefore> {
        let resumed = self.0.as_ref().is_some_and(|kept| kept.resumed);
        match before {
            EarlierOutcome::InDoubt => Some(SentBefore::Certainly),
            _ => resumed.then_some(SentBefore::Possibly),
        }
    }

    /// Writes down a record, where there is a journal: of what was not sent, or whose task did not come to
    /// it. What was not attempted is as if it had not been taken.
    pub(super) async fn write(&self, record: &Record, state: Option<State>) -> io::Result<()> {
        match &self.0 {
            Some(kept) if record.outcome != UpsertOutcome::NotAttempted => {
                kept.writer.append(record, state).await
            }
            _ => Ok(()),
        }
    }

    pub(super) fn writer(&self) -> Option<Writer> {
        self.0.as_ref().map(|kept| kept.writer.clone())
    }

    /// Makes durable what was written.
    pub(super) async fn finish(&self) -> io::Result<()> {
        match &self.0 {
            Some(kept) => kept.writer.finish().await,
            None => Ok(()),
        }
    }

    pub(super) fn failed(&self, error: io::Error) -> UpsertError {
        let path = self.0.as_ref().map_or(Path::new(""), |kept| &*kept.path);
        let message =
            format!("the journal {} could not be written, so that the run has stopped", path.display());
        UpsertError::new(UpsertErrorKind::Journal, message).with_source(error)
    }
}
