use std::time::Duration;

use jiff::Timestamp;

use super::{AttemptRecord, Entry, EntryId, InvalidEntry, OrderKey, QueueName, Reason, State, StoredRequest};

/// A request to store, with its options. Durations count from the time at which it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEntry {
    /// Its name.
    pub id: EntryId,
    /// The queue that it goes into.
    pub queue: QueueName,
    /// The request, as its revision 1.
    pub request: StoredRequest,
    /// What it is ordered by; without one, by nothing.
    pub order_key: Option<OrderKey>,
    /// What becomes of older entries of its key.
    pub when_pending: WhenPending,
    /// At most one entry with this text is stored in its queue; at most 255 bytes without control characters.
    pub dedup_key: Option<Box<str>>,
    /// How long it waits before its first delivery.
    pub delay: Duration,
    /// How long it may take to be delivered. Replayed, it has as long again.
    pub expires_in: Duration,
    /// How many attempts a worker may make, from 1.
    pub max_attempts: u32,
    /// Whether it may be sent again when an earlier attempt may have been processed.
    pub repeatable: bool,
    /// The attempts that were made before it was stored, numbered from 1 on.
    pub attempts: Vec<AttemptRecord>,
    /// Whether it is stored as a dead letter straight away, and why.
    pub dead: Option<Reason>,
}

impl NewEntry {
    /// Seven days: longer than an outage over a long weekend, and too short for a write of last month.
    pub const EXPIRES_IN: Duration = Duration::from_secs(7 * 24 * 60 * 60);
    /// Twenty: with a backoff from 1 s to 1 h, those last for about half a day.
    pub const MAX_ATTEMPTS: u32 = 20;

    /// An entry with the default options. It is not repeatable.
    #[must_use]
    pub fn new(queue: QueueName, request: StoredRequest) -> Self {
        Self {
            id: EntryId::new(),
            queue,
            request,
            order_key: None,
            when_pending: WhenPending::default(),
            dedup_key: None,
            delay: Duration::ZERO,
            expires_in: Self::EXPIRES_IN,
            max_attempts: Self::MAX_ATTEMPTS,
            repeatable: false,
            attempts: Vec::new(),
            dead: None,
        }
    }

    /// Checks what an engine relies on: a request that [can be stored](StoredRequest::check), a `dedup_key`
    /// of at most 255 bytes and without control characters, at least one attempt allowed, and attempts that
    /// are numbered from 1 on.
    ///
    /// # Errors
    ///
    /// The first of these that does not hold.
    pub fn check(&self) -> Result<(), InvalidEntry> {
        self.request.check()?;
        if self.dedup_key.as_ref().is_some_and(|key| key.len() > 255 || key.chars().any(char::is_control)) {
            return Err(InvalidEntry::new("dedup key", "at most 255 bytes without control characters"));
        }
        if self.max_attempts == 0 {
            return Err(InvalidEntry::new("number of attempts", "1 or more"));
        }
        if !self.attempts.iter().map(|attempt| attempt.number).eq((1..).take(self.attempts.len())) {
            return Err(InvalidEntry::new("attempts", "numbered from 1 on"));
        }
        Ok(())
    }

    /// The summary of the entry after it is stored at `now`.
    pub(crate) fn stored(&self, now: Timestamp) -> Entry {
        let after = |wait: Duration| now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let last = self.attempts.last();
        Entry {
            id: self.id,
            queue: self.queue.clone(),
            state: if self.dead.is_some() { State::Dead } else { State::Ready },
            reason: self.dead,
            method: self.request.method.clone(),
            uri: self.request.uri.clone(),
            revision: 1,
            order_key: self.order_key.clone(),
            dedup_key: self.dedup_key.clone(),
            repeatable: self.repeatable,
            attempts: last.map_or(0, |last| last.number),
            tries: 0,
            max_attempts: self.max_attempts,
            created_at: now,
            due_at: after(self.delay),
            expires_at: after(self.expires_in),
            changed_at: now,
            last_outcome: last.map(|last| last.outcome),
            last_status: last.and_then(|last| last.status),
            last_tracking_id: last.and_then(|last| last.tracking_id),
            protected: false,
            job: None,
            superseded_by: None,
            overtaken: None,
        }
    }
}

/// What happens to the older entries of a key when a new one is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenPending {
    /// The new one waits behind them. Right unless each request replaces the whole state of its key.
    #[default]
    Wait,
    /// The ready ones are cancelled. Right if each request carries the whole state of its key.
    Supersede,
}

/// The result of storing an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is stored durably.
    Stored(EntryId),
    /// Its queue already has this entry with its `dedup_key`. Nothing was stored.
    Duplicate(EntryId),
}

impl Enqueued {
    /// The id of the stored entry.
    #[must_use]
    pub const fn id(self) -> EntryId {
        match self {
            Self::Stored(id) | Self::Duplicate(id) => id,
        }
    }
}
