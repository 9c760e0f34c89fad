use std::collections::HashMap;

use martello_outbox::OrderKey;

use super::Rows;
use crate::{Record, UpsertOutcome};

/// What earlier runs have come to.
///
/// One range for each gap in what is done, and an entry for each key of what is not.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    done: Rows,
    /// Sent, and to be sent again.
    failed: Rows,
    /// Not done, and a newer one of their key is: to send them now would undo that.
    overtaken: Rows,
    open: HashMap<OrderKey, Vec<u64>>,
}

/// What has become of a row before this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing, as far as is written down.
    Nothing,
    /// It was sent, and failed for then.
    Failed,
    /// It failed, and a newer one of its key was written since.
    Overtaken,
    /// It is done.
    Done,
}

impl Earlier {
    pub(crate) fn of(&self, row: u64) -> Before {
        match () {
            () if self.done.contains(row) => Before::Done,
            () if self.overtaken.contains(row) => Before::Overtaken,
            () if self.failed.contains(row) => Before::Failed,
            () => Before::Nothing,
        }
    }

    pub(super) fn add(&mut self, record: &Record) {
        let row = record.row;
        if !is_done(record.outcome) {
            self.failed.insert(row);
            if let Some(key) = &record.key {
                let rows = self.open.entry(key.clone()).or_default();
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
            return;
        }
        self.done.insert(row);
        let Some(rows) = record.key.as_ref().and_then(|key| self.open.get_mut(key)) else { return };
        rows.retain(|failed| {
            if *failed < row {
                self.overtaken.insert(*failed);
            }
            *failed > row
        });
    }
}

/// Whether another run would have nothing to do for it. What failed for then is sent again.
pub(super) fn is_done(outcome: UpsertOutcome) -> bool {
    !matches!(outcome, UpsertOutcome::Exhausted | UpsertOutcome::Ambiguous | UpsertOutcome::NotAttempted)
}
