use std::time::Duration;

use jiff::Timestamp;

use super::{
    data::Data,
    list::passes,
    row::{Moment, Row, after},
};
use crate::{HeldAuthority, Purge, State, StoreError, store::arguments::purge_filter};

impl Data {
    pub(super) fn purge(&mut self, purge: &Purge) -> Result<u64, StoreError> {
        let filter = purge_filter(purge)?;
        let passing = self.rows.iter().filter(|(_, row)| !row.entry.protected && passes(row, &filter));
        let places = passing.map(|(place, _)| *place).collect();
        Ok(self.remove(places))
    }

    pub(super) fn prune(&mut self, age: Duration, limit: usize, at: &Moment) -> u64 {
        let old = |since: Timestamp| after(since, age) < at.now;
        let over = |row: &Row| matches!(row.entry.state, State::Done | State::Cancelled);
        let rows = self.rows.iter().filter(|(_, row)| over(row) && old(row.entry.changed_at));
        let mut places: Vec<_> = rows.map(|(place, row)| (row.entry.changed_at, *place)).collect();
        places.sort_unstable();
        let pruned = self.remove(places.into_iter().take(limit).map(|(_, place)| place).collect());
        let rows = &self.rows;
        let borne = |job| rows.values().any(|row| row.entry.job == Some(job));
        self.jobs.retain(|job| !old(job.created_at) || borne(job.id));
        for queue in self.queues.values_mut() {
            queue.holds.retain(|_, held| after(held.until, HeldAuthority::FORGET_AFTER) >= at.now);
        }
        pruned
    }

    fn remove(&mut self, places: Vec<i64>) -> u64 {
        let mut removed = 0;
        for place in places {
            if let Some(row) = self.rows.remove(&place) {
                self.places.remove(&row.entry.id);
                removed += 1;
            }
        }
        removed
    }
}
