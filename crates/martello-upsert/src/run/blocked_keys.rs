//! The keys of failed entities: newer entities of them are not sent, so that another run sends the failed one
//! first.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use martello_outbox::OrderKey;

use super::PreparedRow;
use crate::{UpsertOutcome, state::State};

/// The keys of entities that failed and are to be sent again.
///
/// It stores only a hash of each key, because every row may fail. Two keys with the same hash block each
/// other; another run sends what was blocked.
#[derive(Default)]
pub(super) struct BlockedKeys {
    keys: HashMap<u64, Failed>,
    hasher: RandomState,
}

enum Failed {
    /// The whole state of this resource failed: a newer state of it may be sent, and everything else is
    /// blocked.
    Whole(State),
    /// A part, or several entities failed: everything is blocked.
    Part,
}

impl BlockedKeys {
    /// Whether the row must not be sent in this run, because the next run would send the failed one after it.
    pub(super) fn blocks(&mut self, row: &PreparedRow) -> bool {
        let Some(key) = &row.key else { return false };
        let Some(failed) = self.keys.get_mut(&self.hasher.hash_one(key)) else { return false };
        if matches!(failed, Failed::Whole(failed) if row.state == Some(*failed)) {
            return false;
        }
        // A blocked row blocks the next ones, as if it had failed.
        *failed = Failed::Part;
        true
    }

    /// Records how a request ended.
    pub(super) fn note(&mut self, key: &OrderKey, state: Option<State>, outcome: UpsertOutcome) {
        let key = self.hasher.hash_one(key);
        if outcome.is_sent_again() {
            let known = self.keys.entry(key).or_insert(state.map_or(Failed::Part, Failed::Whole));
            if !matches!(known, Failed::Whole(failed) if state == Some(*failed)) {
                *known = Failed::Part;
            }
        } else if outcome.takes_place()
            && matches!(self.keys.get(&key), Some(Failed::Whole(failed)) if state == Some(*failed))
        {
            self.keys.remove(&key);
        }
    }
}
