use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    AttemptRecord, Entry, EntryEvent, EventKind, NewEntry, OrderKey, Overtaken, QueueName, Reason, Revision,
    State, store::WorkerId,
};

/// A moment at which something is done, and what has come of it for those who watch.
pub(super) struct Moment {
    pub(super) now: Timestamp,
    /// Something may have become claimable.
    pub(super) ready: bool,
    /// Something may have come to an end.
    pub(super) ended: bool,
}

impl Moment {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { now: micros(now), ready: false, ended: false }
    }

    /// The moment so much later, or the last there is.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        after(self.now, wait)
    }

    fn tell(&mut self, from: Option<State>, to: State) {
        // What leaves ready or leased makes room for others of its key, or under the cap.
        self.ready |= to != State::Leased && (to == State::Ready || from.is_some_and(State::is_pending));
        self.ended |= !to.is_pending();
    }
}

pub(super) fn after(start: Timestamp, wait: Duration) -> Timestamp {
    let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
    let end = start.as_microsecond().saturating_add(wait).min(Timestamp::MAX.as_microsecond());
    Timestamp::from_microsecond(end).unwrap_or(Timestamp::MAX)
}

/// The time in whole microseconds, as every engine keeps it.
pub(super) fn micros(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

/// An entry with all that belongs to it.
pub(super) struct Row {
    pub(super) entry: Entry,
    pub(super) revisions: Vec<Revision>,
    pub(super) attempts: Vec<AttemptRecord>,
    pub(super) events: Vec<EntryEvent>,
    pub(super) expires_in: Duration,
    /// The lease, while the entry is leased.
    pub(super) lease: Option<CurrentLease>,
    /// The fence of the settlement that was applied last.
    pub(super) settled: Option<Arc<str>>,
    /// Its job has put it back, and nothing but the job has moved it since.
    pub(super) untouched: bool,
}

/// A lease, from the entry's side.
pub(super) struct CurrentLease {
    pub(super) fence: Arc<str>,
    pub(super) worker: WorkerId,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Row {
    pub(super) fn new(new: NewEntry, at: &mut Moment) -> Self {
        let (due_at, expires_at) = (at.after(new.delay), at.after(new.expires_in));
        let entry = Entry { state: State::Ready, reason: None, due_at, expires_at, ..new.stored(at.now) };
        let attempts: Vec<_> = new.attempts.into_iter().map(kept).collect();
        let mut row = Self {
            entry,
            revisions: vec![Revision { number: 1, at: at.now, request: new.request }],
            attempts,
            events: Vec::new(),
            expires_in: new.expires_in,
            lease: None,
            settled: None,
            untouched: false,
        };
        match new.dead {
            Some(reason) => row.die(reason, at),
            None => at.tell(None, State::Ready),
        }
        row
    }

    /// Brings the entry into another state.
    pub(super) fn go(&mut self, state: State, at: &mut Moment) {
        at.tell(Some(self.entry.state), state);
        self.entry.state = state;
        self.entry.changed_at = at.now;
        self.untouched = false;
        self.lease = None;
    }

    pub(super) fn die(&mut self, reason: Reason, at: &mut Moment) {
        self.go(State::Dead, at);
        self.entry.reason = Some(reason);
        self.note(EventKind::DeadLettered, Some(reason.as_str().into()), at);
    }

    pub(super) fn note(&mut self, kind: EventKind, detail: Option<Box<str>>, at: &Moment) {
        self.events.push(EntryEvent { at: at.now, kind, detail });
    }

    /// Writes down an attempt that has ended.
    pub(super) fn record(&mut self, attempt: AttemptRecord) {
        self.entry.last_outcome = Some(attempt.outcome);
        self.entry.last_status = attempt.status;
        self.entry.last_tracking_id = attempt.tracking_id;
        self.attempts.push(kept(attempt));
    }

    /// Puts a dead letter back, due at this time; perhaps over a newer entry that is under way.
    pub(super) fn replay(&mut self, due: Timestamp, over_newer: bool, at: &mut Moment) {
        self.entry.overtaken = self.entry.overtaken.max(over_newer.then_some(Overtaken::Possibly));
        self.go(State::Ready, at);
        self.entry.tries = 0;
        self.entry.due_at = due;
        self.entry.expires_at = after(due, self.expires_in);
    }

    /// Where its last revision goes.
    pub(super) fn authority(&self) -> String {
        self.revisions.last().map(|last| last.request.authority()).unwrap_or_default()
    }

    pub(super) fn is(&self, queue: &QueueName, key: &OrderKey) -> bool {
        self.entry.queue == *queue && self.entry.order_key.as_ref() == Some(key)
    }
}

/// The attempt as it is kept: to the microsecond.
fn kept(attempt: AttemptRecord) -> AttemptRecord {
    let duration = u64::try_from(attempt.duration.as_micros()).unwrap_or(u64::MAX);
    AttemptRecord { started: micros(attempt.started), duration: Duration::from_micros(duration), ..attempt }
}
