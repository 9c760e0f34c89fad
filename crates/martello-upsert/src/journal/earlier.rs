use std::collections::{BTreeSet, HashMap};

use martello_outbox::OrderKey;

use super::Rows;
use crate::{Record, state::State};

/// The results of earlier runs.
///
/// It keeps a range for each gap between the rows that are done, and an entry for each failed row with a
/// whole state.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    done: Rows,
    /// To be sent again, although an attempt may have been processed.
    in_doubt: Rows,
    /// Not done, and a newer one was written: sending them would undo that.
    superseded: Rows,
    open: HashMap<(OrderKey, State), BTreeSet<u64>>,
}

/// The result of a row in earlier runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EarlierOutcome {
    /// It was not sent, or cannot have been processed.
    Nothing,
    /// It was sent, failed for then, and may have been processed.
    InDoubt,
    /// It failed, and a newer one was written since.
    Superseded,
    /// It is done.
    Done,
}

impl Earlier {
    pub(crate) fn of(&self, row: u64) -> EarlierOutcome {
        match () {
            () if self.done.contains(row) => EarlierOutcome::Done,
            () if self.superseded.contains(row) => EarlierOutcome::Superseded,
            () if self.in_doubt.contains(row) => EarlierOutcome::InDoubt,
            () => EarlierOutcome::Nothing,
        }
    }

    pub(super) fn add(&mut self, record: &Record, state: Option<State>) {
        let (row, outcome) = (record.row, record.outcome);
        let place = record.key.clone().zip(state);
        if outcome.is_sent_again() {
            if record.may_be_written() {
                self.in_doubt.insert(row);
            }
            if let Some(place) = place {
                self.open.entry(place).or_default().insert(row);
            }
            return;
        }
        self.done.insert(row);
        let open = place.filter(|_| outcome.takes_place()).and_then(|place| self.open.get_mut(&place));
        let Some(rows) = open else { return };
        while let Some(failed) = rows.first().copied().filter(|failed| *failed < row) {
            rows.pop_first();
            self.superseded.insert(failed);
        }
    }
}
