use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::row::Row;
use crate::{Detail, EntryId, Filter, HeldAuthority, JobId, QueueName, StoreError};

/// All that is in a store.
#[derive(Default)]
pub(super) struct Data {
    /// The entries by their place in the order.
    pub(super) rows: BTreeMap<i64, Row>,
    pub(super) places: HashMap<EntryId, i64>,
    pub(super) queues: BTreeMap<QueueName, Queue>,
    /// The replays, the oldest first.
    pub(super) jobs: Vec<Job>,
    /// Entries ever stored.
    pub(super) stored: i64,
    /// Fences ever spent.
    pub(super) fences: u64,
}

/// What is set for a queue.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) paused: Option<String>,
    /// The holds that no success has ended yet, by authority.
    pub(super) holds: BTreeMap<String, HeldAuthority>,
}

/// What is kept of a replay; the rest is counted.
pub(super) struct Job {
    pub(super) id: JobId,
    pub(super) created_at: Timestamp,
    pub(super) cancelled_at: Option<Timestamp>,
    pub(super) filter: Filter,
    pub(super) per_second: f64,
    pub(super) total: u64,
    pub(super) returned: u64,
}

impl Data {
    pub(super) fn row(&self, id: EntryId) -> Result<&Row, StoreError> {
        self.places.get(&id).and_then(|place| self.rows.get(place)).ok_or_else(|| StoreError::no_entry(id))
    }

    pub(super) fn row_mut(&mut self, id: EntryId) -> Result<&mut Row, StoreError> {
        let row = self.places.get(&id).and_then(|place| self.rows.get_mut(place));
        row.ok_or_else(|| StoreError::no_entry(id))
    }

    pub(super) fn count(&self, passes: impl Fn(&Row) -> bool) -> u64 {
        self.rows.values().map(|row| u64::from(passes(row))).sum()
    }

    pub(super) fn detail(&self, id: EntryId) -> Option<Detail> {
        let row = self.rows.get(self.places.get(&id)?)?;
        Some(Detail {
            entry: row.entry.clone(),
            revisions: row.revisions.clone(),
            attempts: row.attempts.clone(),
            events: row.events.clone(),
        })
    }
}
