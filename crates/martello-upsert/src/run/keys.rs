//! Who waits for whom: of one key one entity is under way, and the others wait in the order of the input.

use std::collections::{HashMap, VecDeque};

use martello_outbox::OrderKey;

use super::{Job, held::Held};
use crate::{UpsertOutcome, state::State};

pub(super) struct Keys {
    latest_wins: bool,
    /// The keys of what is under way, with what waits for it. A key that is free is not remembered.
    busy: HashMap<OrderKey, VecDeque<Job>>,
    held: Held,
    waiting: usize,
    waiting_bytes: usize,
}

/// What becomes of an entity that has just been taken.
pub(super) enum Arrival {
    /// Its turn has come.
    Goes(Job),
    /// It waits.
    Waits,
    /// It waits in the place of this one.
    Supersedes(Job),
    /// It must not be sent before something that failed.
    HeldBack(Job),
}

impl Keys {
    pub(super) fn new(latest_wins: bool) -> Self {
        Self { latest_wins, busy: HashMap::new(), held: Held::default(), waiting: 0, waiting_bytes: 0 }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many bytes those have that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    pub(super) fn arrive(&mut self, job: Job) -> Arrival {
        let Some(key) = &job.key else { return Arrival::Goes(job) };
        let Some(queue) = self.busy.get_mut(key) else {
            if self.held.holds_back(&job) {
                return Arrival::HeldBack(job);
            }
            self.busy.insert(key.clone(), VecDeque::new());
            return Arrival::Goes(job);
        };
        // A key may be that of several targets, and what carries a part takes the place of nothing.
        let same = queue.back().is_some_and(|older| older.state.is_some() && older.state == job.state);
        let superseded = if self.latest_wins && same { queue.pop_back() } else { None };
        self.waiting_bytes = self.waiting_bytes.saturating_add(job.bytes());
        queue.push_back(job);
        match superseded {
            Some(older) => {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(older.bytes());
                Arrival::Supersedes(older)
            }
            None => {
                self.waiting += 1;
                Arrival::Waits
            }
        }
    }

    /// What was under way with this key has ended so; the next of the key, if there is one, is under way now.
    /// With it come those that are held back.
    pub(super) fn leave(
        &mut self,
        key: &OrderKey,
        state: Option<State>,
        outcome: UpsertOutcome,
    ) -> (Vec<Job>, Option<Job>) {
        self.held.note(key, state, outcome);
        let mut held_back = Vec::new();
        while let Some(next) = self.busy.get_mut(key).and_then(VecDeque::pop_front) {
            self.waiting -= 1;
            self.waiting_bytes = self.waiting_bytes.saturating_sub(next.bytes());
            if !self.held.holds_back(&next) {
                return (held_back, Some(next));
            }
            held_back.push(next);
        }
        self.busy.remove(key);
        (held_back, None)
    }

    /// All that wait, in the order of the input: they wait no more.
    pub(super) fn give_up(&mut self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.busy.values_mut().flat_map(std::mem::take).collect();
        jobs.sort_unstable_by_key(|job| job.row);
        self.waiting = 0;
        self.waiting_bytes = 0;
        jobs
    }
}
