//! Who waits for whom: of one key one entity is under way, and the others wait in the order of the input.

use std::collections::{HashMap, VecDeque};

use martello_outbox::OrderKey;

use super::{PreparedRow, blocked_keys::BlockedKeys};
use crate::{UpsertOutcome, state::State};

pub(super) struct Keys {
    latest_wins: bool,
    /// The keys of what is under way, with what waits for it. A key that is free is not remembered.
    busy: HashMap<OrderKey, VecDeque<PreparedRow>>,
    blocked: BlockedKeys,
    waiting: usize,
    waiting_bytes: usize,
}

/// What becomes of an entity that has just been taken.
pub(super) enum Arrival {
    /// Its turn has come.
    Ready(PreparedRow),
    /// It waits.
    Queued,
    /// It waits in the place of this one.
    Supersedes(PreparedRow),
    /// It must not be sent before something that failed.
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

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many bytes those have that wait.
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
        // A key may be that of several targets, and what carries a part takes the place of nothing.
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

    /// What was under way with this key has ended so; the next of the key, if there is one, is under way now.
    /// With it come those that are held back.
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

    /// All that wait, in the order of the input: they wait no more.
    pub(super) fn give_up(&mut self) -> Vec<PreparedRow> {
        let mut rows: Vec<PreparedRow> = self.busy.values_mut().flat_map(std::mem::take).collect();
        rows.sort_unstable_by_key(|row| row.row);
        self.waiting = 0;
        self.waiting_bytes = 0;
        rows
    }
}
