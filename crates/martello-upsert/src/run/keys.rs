//! Orders the entities: one of each key is in flight, and the others wait in the order of the input.

use std::collections::{HashMap, VecDeque};

use martello_outbox::OrderKey;

use super::{PreparedRow, blocked_keys::BlockedKeys};
use crate::{UpsertOutcome, state::State};

pub(super) struct Keys {
    latest_wins: bool,
    /// The keys with an entity in flight, and the entities that wait for it.
    busy: HashMap<OrderKey, VecDeque<PreparedRow>>,
    blocked: BlockedKeys,
    waiting: usize,
    waiting_bytes: usize,
}

/// What to do with an entity that was just read.
pub(super) enum Arrival {
    /// Send it.
    Ready(PreparedRow),
    /// It waits for an older one.
    Queued,
    /// It waits, and supersedes this one.
    Supersedes(PreparedRow),
    /// An older one of its key failed and must be sent first.
    Blocked(PreparedRow),
}

impl Keys {
    pub(super) fn new(latest_wins: bool) -> Self {
        Self {
            latest_wins,
            busy: HashMap::new(),
            blocked: BlockedKeys::default(),
            waiting: 0,
            waiting_bytes: 0,
        }
    }

    /// How many entities wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The bytes of the entities that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    pub(super) fn arrive(&mut self, row: PreparedRow) -> Arrival {
        let Some(key) = &row.key else { return Arrival::Ready(row) };
        let Some(queue) = self.busy.get_mut(key) else {
            if self.blocked.blocks(&row) {
                return Arrival::Blocked(row);
            }
            self.busy.insert(key.clone(), VecDeque::new());
            return Arrival::Ready(row);
        };
        // Several targets may share a key, and a request without a state supersedes nothing.
        let same = queue.back().is_some_and(|older| older.state.is_some() && older.state == row.state);
        let superseded = if self.latest_wins && same { queue.pop_back() } else { None };
        self.waiting_bytes = self.waiting_bytes.saturating_add(row.bytes());
        queue.push_back(row);
        match superseded {
            Some(older) => {
                self.waiting_bytes = self.waiting_bytes.saturating_sub(older.bytes());
                Arrival::Supersedes(older)
            }
            None => {
                self.waiting += 1;
                Arrival::Queued
            }
        }
    }

    /// The entity in flight of this key has ended. Returns the entities that are blocked by its failure, and
    /// the next one to send.
    pub(super) fn leave(
        &mut self,
        key: &OrderKey,
        state: Option<State>,
        outcome: UpsertOutcome,
    ) -> (Vec<PreparedRow>, Option<PreparedRow>) {
        self.blocked.note(key, state, outcome);
        let mut blocked = Vec::new();
        while let Some(next) = self.busy.get_mut(key).and_then(VecDeque::pop_front) {
            self.waiting -= 1;
            self.waiting_bytes = self.waiting_bytes.saturating_sub(next.bytes());
            if !self.blocked.blocks(&next) {
                return (blocked, Some(next));
            }
            blocked.push(next);
        }
        self.busy.remove(key);
        (blocked, None)
    }

    /// Removes and returns all entities that wait, in the order of the input.
    pub(super) fn give_up(&mut self) -> Vec<PreparedRow> {
        let mut rows: Vec<PreparedRow> = self.busy.values_mut().flat_map(std::mem::take).collect();
        rows.sort_unstable_by_key(|row| row.row);
        self.waiting = 0;
        self.waiting_bytes = 0;
        rows
    }
}
