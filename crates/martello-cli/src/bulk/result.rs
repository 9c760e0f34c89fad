use martello_outbox::{Entry, EntryId, State, StoreError, StoreErrorKind};
use serde::Serialize;

use super::noun;
use crate::{
    error::{CommandError, Exit},
    output::Output,
};

/// How many failures are listed individually.
const MAX_LISTED: usize = 100;

/// The result of a change to many entries.
#[derive(Serialize)]
pub(crate) struct BulkResult {
    verb: &'static str,
    dry_run: bool,
    /// How many entries were selected.
    pub(crate) matched: u64,
    /// How many were changed; 0 in a dry run.
    pub(crate) done: u64,
    /// The first 100 entries that could not be changed, and why.
    failed: Vec<Failed>,
    #[serde(skip)]
    refused: u64,
    #[serde(skip)]
    first: Option<StoreError>,
}

#[derive(Serialize)]
struct Failed {
    id: EntryId,
    error: String,
}

impl BulkResult {
    /// An empty result; `verb` is in the past tense.
    pub(crate) fn new(verb: &'static str, dry_run: bool) -> Self {
        Self { verb, dry_run, matched: 0, done: 0, failed: Vec::new(), refused: 0, first: None }
    }

    /// Counts one entry.
    ///
    /// # Errors
    ///
    /// An error of the store. An error of the entry itself is counted instead.
    pub(crate) fn note(
        &mut self,
        id: EntryId,
        changed: Result<Entry, StoreError>,
    ) -> Result<(), CommandError> {
        use StoreErrorKind::{Conflict, Invalid, NotFound};
        self.matched += 1;
        match changed {
            Ok(_) if self.dry_run => {}
            Ok(_) => self.done += 1,
            Err(error) if matches!(error.kind(), NotFound | Conflict | Invalid) => {
                if self.failed.len() < MAX_LISTED {
                    self.failed.push(Failed { id, error: error.to_string() });
                }
                self.refused += 1;
                self.first.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The exit code alone, for a caller that prints something else.
    pub(crate) fn exit(mut self) -> Result<Exit, CommandError> {
        match self.first.take() {
            Some(error) if self.done == 0 => Err(error.into()),
            Some(_) => Ok(Exit::Partial),
            None => Ok(Exit::Success),
        }
    }

    /// Prints the result; `verb` is the infinitive, for a dry run.
    ///
    /// # Errors
    ///
    /// If a single entry was selected and could not be changed, its error.
    pub(crate) fn print(mut self, out: &mut Output, verb: &str, of: State) -> Result<Exit, CommandError> {
        if let (1, Some(error)) = (self.matched, self.first.take()) {
            return Err(error.into());
        }
        let exit = if self.failed.is_empty() { Exit::Success } else { Exit::Partial };
        if out.is_json() {
            out.document(&self)?;
            return Ok(exit);
        }
        for failed in &self.failed {
            out.note(format_args!("martello: {}", failed.error))?;
        }
        let noun = noun(of, self.matched);
        match (self.dry_run, exit) {
            (true, Exit::Success) => out.line(format_args!("would {verb} {} {noun}", self.matched))?,
            (true, _) => {
                let fit = self.matched - self.refused;
                out.line(format_args!("would {verb} {fit} of {} {noun}", self.matched))?;
            }
            (false, Exit::Success) => out.line(format_args!("{} {} {noun}", self.verb, self.done))?,
            (false, _) => {
                out.line(format_args!("{} {} of {} {noun}", self.verb, self.done, self.matched))?;
            }
        }
        Ok(exit)
    }
}
