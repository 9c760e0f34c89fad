//! What a failed request keeps from being sent, so that another run sends it first.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher,
};

use martello_outbox::OrderKey;

use super::Job;
use crate::{UpsertOutcome, state::State};

/// The keys of which something failed and is to be sent again.
///
/// It has a few bytes for each, since a run in which everything fails has as many as rows: two keys with the
/// same hash would hold each other back, which another run makes good.
#[derive(Default)]
pub(super) struct Held {
    keys: HashMap<u64, Failed>,
    hasher: RandomState,
}

enum Failed {
    /// The whole state of this, or of several things: another whole state may go, and a part must wait for it.
    Whole(Option<State>),
    /// A part: all must wait for it.
    Part,
}

impl Held {
    /// Whether it must not be sent in this run.
    pub(super) fn holds_back(&mut self, job: &Job) -> bool {
        let Some(key) = &job.key else { return false };
        let Some(failed) = self.keys.get_mut(&self.hasher.hash_one(key)) else { return false };
        if matches!(failed, Failed::Whole(_)) && job.state.is_some() {
            return false;
        }
        // What is held back holds back what follows it, as if it had failed itself.
        if job.state.is_none() {
            *failed = Failed::Part;
        }
        true
    }

    /// Notes how a request has ended.
    pub(super) fn note(&mut self, key: &OrderKey, state: Option<State>, outcome: UpsertOutcome) {
        let key = self.hasher.hash_one(key);
        if outcome.is_sent_again() {
            let failed = state.map_or(Failed::Part, |state| Failed::Whole(Some(state)));
            let known = self.keys.entry(key).or_insert(failed);
            match (known, state) {
                (Failed::Whole(known), Some(state)) if *known != Some(state) => *known = None,
                (known, None) => *known = Failed::Part,
                _ => {}
            }
        } else if outcome.takes_place()
            && let Some(state) = state
            && matches!(self.keys.get(&key), Some(Failed::Whole(failed)) if *failed == Some(state))
        {
            self.keys.remove(&key);
        }
    }
}
