//! Who waits for whom: of one key one entity is under way, and the others wait in the order of the input.

use std::collections::{HashMap, VecDeque};

use martello_outbox::OrderKey;

use super::Job;

pub(super) struct Keys {
    latest_wins: bool,
    /// The keys of what is under way, with what waits for it. A key that is free is not remembered.
    busy: HashMap<OrderKey, VecDeque<Job>>,
    waiting: usize,
}

/// What becomes of an entity that has just been taken.
pub(super) enum Arrival {
    /// Its turn has come.
    Goes(Job),
    /// It waits.
    Waits,
    /// It waits in the place of this one.
    Supersedes(Job),
}

impl Keys {
    pub(super) fn new(latest_wins: bool) -> Self {
        Self { latest_wins, busy: HashMap::new(), waiting: 0 }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn arrive(&mut self, job: Job) -> Arrival {
        let Some(key) = &job.key else { return Arrival::Goes(job) };
        let Some(queue) = self.busy.get_mut(key) else {
            self.busy.insert(key.clone(), VecDeque::new());
            return Arrival::Goes(job);
        };
        let superseded = if self.latest_wins { queue.pop_back() } else { None };
        queue.push_back(job);
        match superseded {
            Some(older) => Arrival::Supersedes(older),
            None => {
                self.waiting += 1;
                Arrival::Waits
            }
        }
    }

    /// What was under way with this key has ended; the next of the key, if there is one, is under way now.
    pub(super) fn leave(&mut self, key: &OrderKey) -> Option<Job> {
        let next = self.busy.get_mut(key).and_then(VecDeque::pop_front);
        match next {
            Some(_) => self.waiting -= 1,
            None => drop(self.busy.remove(key)),
        }
        next
    }

    /// All that wait, in the order of the input: they wait no more.
    pub(super) fn give_up(&mut self) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.busy.values_mut().flat_map(std::mem::take).collect();
        jobs.sort_unstable_by_key(|job| job.row);
        self.waiting = 0;
        jobs
    }
}
