use super::{
    data::Data,
    row::{Moment, Row},
};
use crate::{
    Enqueued, EntryId, EventKind, NewEntry, OrderKey, QueueName, State, StoreError, WhenPending,
    store::KeyState,
};

impl Data {
    pub(super) fn enqueue(
        &mut self,
        entries: Vec<NewEntry>,
        at: &mut Moment,
    ) -> Result<Vec<Enqueued>, StoreError> {
        for entry in &entries {
            entry.check()?;
        }
        Ok(entries.into_iter().map(|entry| self.store(entry, at)).collect())
    }

    pub(super) fn key_state(&self, queue: &QueueName, key: &OrderKey) -> KeyState {
        let any =
            |is: fn(State) -> bool| self.rows.values().any(|row| row.is(queue, key) && is(row.entry.state));
        KeyState { pending: any(State::is_pending), dead: any(|state| state == State::Dead) }
    }

    fn store(&mut self, new: NewEntry, at: &mut Moment) -> Enqueued {
        if let Some(id) = self.duplicate(&new) {
            return Enqueued::Duplicate(id);
        }
        if let (WhenPending::Supersede, Some(key), None) = (new.when_pending, &new.order_key, new.dead) {
            self.supersede(&new.queue, key, new.id, at);
        }
        let id = new.id;
        self.queues.entry(new.queue.clone()).or_default();
        self.stored += 1;
        self.places.insert(id, self.stored);
        self.rows.insert(self.stored, Row::new(new, at));
        Enqueued::Stored(id)
    }

    fn duplicate(&self, new: &NewEntry) -> Option<EntryId> {
        if self.places.contains_key(&new.id) {
            return Some(new.id);
        }
        new.dedup_key.as_ref()?;
        let same = |row: &&Row| row.entry.queue == new.queue && row.entry.dedup_key == new.dedup_key;
        self.rows.values().find(same).map(|row| row.entry.id)
    }

    fn supersede(&mut self, queue: &QueueName, key: &OrderKey, by: EntryId, at: &mut Moment) {
        for row in self.rows.values_mut() {
            if row.is(queue, key) && row.entry.state == State::Ready {
                row.go(State::Cancelled, at);
                row.entry.superseded_by = Some(by);
                row.note(EventKind::Superseded, Some(by.to_string().into()), at);
            }
        }
    }
}
