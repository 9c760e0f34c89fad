use super::{
    data::{Data, Queue},
    row::Moment,
};
use crate::{Check, QueueName, QueueStats, State, store::arguments::expired_leases};

impl Data {
    pub(super) fn pause(&mut self, queue: &QueueName, why: &str) {
        self.queues.entry(queue.clone()).or_default().paused = Some(why.to_owned());
    }

    pub(super) fn resume(&mut self, queue: &QueueName, at: &mut Moment) {
        if let Some(queue) = self.queues.get_mut(queue) {
            *queue = Queue::default();
            at.ready = true;
        }
    }

    pub(super) fn queues(&self, at: &Moment) -> Vec<QueueStats> {
        self.queues.iter().map(|(name, queue)| self.stats(name, queue, at)).collect()
    }

    fn stats(&self, name: &QueueName, queue: &Queue, at: &Moment) -> QueueStats {
        let count = |state| self.count(|row| row.entry.queue == *name && row.entry.state == state);
        let rows = self.rows.values().filter(|row| row.entry.queue == *name);
        let due = rows.filter(|row| row.entry.state == State::Ready && row.entry.due_at <= at.now);
        let longest = due.map(|row| row.entry.due_at).min();
        QueueStats {
            queue: name.clone(),
            ready: count(State::Ready),
            leased: count(State::Leased),
            done: count(State::Done),
            dead: count(State::Dead),
            cancelled: count(State::Cancelled),
            oldest_due: longest.map(|due| at.now.duration_since(due).unsigned_abs()),
            paused: queue.paused.clone(),
            holds: queue.holds.values().cloned().collect(),
        }
    }

    pub(super) fn check_health(&self, at: &Moment) -> Vec<Check> {
        let late = self.count(|row| row.lease.as_ref().is_some_and(|lease| lease.until <= at.now));
        vec![Check::passed("data", format!("{} entries in memory", self.rows.len())), expired_leases(late)]
    }
}
