use super::data::Data;
use crate::{EntryId, OrderKey, Overtaken, QueueName, State, StoreError};

impl Data {
    /// Marks the dead letters of a key before this position. Returns how many did not yet have this mark or a
    /// more certain one.
    pub(super) fn overtake(
        &mut self,
        queue: &QueueName,
        key: &OrderKey,
        place: i64,
        overtaken: Overtaken,
    ) -> u64 {
        let older = self.rows.range_mut(..place).map(|(_, row)| row);
        let dead = older.filter(|row| row.is(queue, key) && row.entry.state == State::Dead);
        let unmarked = dead.filter(|row| row.entry.overtaken < Some(overtaken));
        unmarked.map(|row| row.entry.overtaken = Some(overtaken)).fold(0, |many, ()| many + 1)
    }

    /// Why a replay of this dead letter would overwrite something newer, if it would.
    pub(super) fn refusal(&self, id: EntryId) -> Option<StoreError> {
        match self.row(id).ok()?.entry.overtaken {
            Some(_) => Some(StoreError::overtaken(id)),
            None => self.newer_is_leased(id).then(|| StoreError::overtaking(id)),
        }
    }

    /// Whether a newer entry of this one's key is leased, and may be delivered at any time.
    pub(super) fn newer_is_leased(&self, id: EntryId) -> bool {
        let Some(place) = self.places.get(&id) else { return false };
        let Some(entry) = self.rows.get(place).map(|row| &row.entry) else { return false };
        let Some(key) = &entry.order_key else { return false };
        self.rows.range(place + 1..).any(|(_, newer)| newer.is(&entry.queue, key) && newer.lease.is_some())
    }
}
