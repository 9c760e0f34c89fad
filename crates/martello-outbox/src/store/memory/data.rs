use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::row::Row;
use crate::{Detail, EntryId, Filter, JobId, QueueName, State, StoreError};

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
    /// Until when it is held, or was, and why.
    pub(super) held: Option<(Timestamp, String)>,
}

impl Queue {
    /// Until when it is held, if it is.
    pub(super) fn held(&self, now: Timestamp) -> Option<(Timestamp, &str)> {
        self.held.as_ref().filter(|(until, _)| now < *until).map(|(until, why)| (*until, why.as_str()))
    }
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
        let place = self.places.get(&id)?;
        let row = self.rows.get(place)?;
        let overtakes = |newer: &Row| match &row.entry.order_key {
            Some(key) => newer.is(&row.entry.queue, key) && newer.entry.state == State::Done,
            None => false,
        };
        Some(Detail {
            entry: row.entry.clone(),
            revisions: row.revisions.clone(),
            attempts: row.attempts.clone(),
            events: row.events.clone(),
            overtaken: self.rows.range(place + 1..).any(|(_, newer)| overtakes(newer)),
        })
    }
}
