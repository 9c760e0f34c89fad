use martello_outbox::{QueueName, State, engine::Changes};

/// The changes of a transaction: how many entries each queue has in each state, and what subscribers must
/// learn.
#[derive(Default)]
pub(crate) struct StateCounts {
    pub(super) queues: Vec<(QueueName, QueueDelta)>,
    pub(super) changes: Changes,
}

/// The change in the number of a queue's entries, by state.
#[derive(Clone, Copy, Default)]
pub(super) struct QueueDelta {
    pub(super) ready: i64,
    pub(super) leased: i64,
    pub(super) done: i64,
    pub(super) dead: i64,
    pub(super) cancelled: i64,
}

impl QueueDelta {
    fn of(&mut self, state: State) -> &mut i64 {
        match state {
            State::Ready => &mut self.ready,
            State::Leased => &mut self.leased,
            State::Done => &mut self.done,
            State::Dead => &mut self.dead,
            State::Cancelled => &mut self.cancelled,
        }
    }
}

impl StateCounts {
    pub(super) fn moved(&mut self, queue: &QueueName, from: Option<State>, to: Option<State>) {
        let mut counts = QueueDelta::default();
        if let Some(from) = from {
            *counts.of(from) -= 1;
        }
        if let Some(to) = to {
            self.changes.merge(Changes::between(from, to));
            *counts.of(to) += 1;
        }
        self.add(queue, counts);
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.changes.merge(other.changes);
        other.queues.iter().for_each(|(queue, counts)| self.add(queue, *counts));
    }

    fn add(&mut self, queue: &QueueName, more: QueueDelta) {
        let Some((_, counts)) = self.queues.iter_mut().find(|(of, _)| of == queue) else {
            return self.queues.push((queue.clone(), more));
        };
        counts.ready += more.ready;
        counts.leased += more.leased;
        counts.done += more.done;
        counts.dead += more.dead;
        counts.cancelled += more.cancelled;
    }
}
