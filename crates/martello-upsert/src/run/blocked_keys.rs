//! What a failed request keeps from being sent, so that another run sends it first.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use martello_outbox::OrderKey;

use super::PreparedRow;
use crate::{UpsertOutcome, state::State};

/// The keys of which something failed and is to be sent again.
///
/// It has a few bytes for each, since a run in which everything fails has as many as rows: two keys with the
/// same hash would hold each other back, which another run makes good.
#[derive(Default)]
pub(super) struct BlockedKeys {
    keys: HashMap<u64, Failed>,
    hasher: RandomState,
}

enum Failed {
    /// The whole state of this: another of it may go, and all else must wait for it.
    Whole(State),
    /// A part, or several things: all must wait.
    Part,
}

impl BlockedKeys {
    /// Whether it must not be sent in this run: the next one would send what failed after it. Two whole states
    /// may be of one resource although their headers or schemes differ.
    pub(super) fn blocks(&mut self, row: &PreparedRow) -> bool {
        let Some(key) = &row.key else { return false };
        let Some(failed) = self.keys.get_mut(&self.hasher.hash_one(key)) else { return false };
        if matches!(failed, Failed::Whole(failed) if row.state == Some(*failed)) {
            return false;
        }
        // What is held back holds back what follows it, as if it had failed itself.
        *failed = Failed::Part;
        true
    }

    /// Notes how a request has ended.
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
