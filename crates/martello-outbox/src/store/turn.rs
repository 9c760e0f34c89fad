use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use martello_outcome::Printable;

use crate::{AttemptRecord, Entry, EntryId, InvalidEntry, Overtaken, QueueName, Reason, StoredRequest};

/// The name of a worker, in leases and attempts: 1 to 128 bytes without control characters. It need not be
/// unique, because fences are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkerId(Arc<str>);

impl WorkerId {
    /// Checks the text.
    ///
    /// # Errors
    ///
    /// When it is empty, longer than 128 bytes or has a control character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidEntry> {
        let text = text.as_ref();
        if !(1..=128).contains(&text.len()) || text.chars().any(char::is_control) {
            return Err(InvalidEntry::new("worker", "1 to 128 bytes without control characters"));
        }
        Ok(Self(text.into()))
    }

    /// A random name, for a worker without one.
    pub(crate) fn unnamed(process: u32, random: u32) -> Self {
        Self(format!("worker-{process}-{random:08x}").into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Printable::new(&self.0), f)
    }
}

/// The right of a worker to deliver an entry until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The entry.
    pub id: EntryId,
    /// The token of this claim. No other claim of the entry ever has the same, even if the store lost its
    /// last writes.
    pub fence: Arc<str>,
    /// The worker that claimed it.
    pub worker: WorkerId,
}

/// The request of a worker to a store, for [`Store::turn`](crate::Store::turn).
#[derive(Clone, Debug)]
pub struct Turn {
    /// The queue.
    pub queue: QueueName,
    /// The worker.
    pub worker: WorkerId,
    /// The results of its earlier claims.
    pub settle: Vec<Settlement>,
    /// How many entries to claim at most; zero claims nothing.
    pub claim: usize,
    /// How many entries of the queue all workers together may lease at once, 1 or more.
    pub cap: usize,
    /// How long its claims last without a heartbeat.
    pub lease_duration: Duration,
}

/// The result of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The claim.
    pub lease: Lease,
    /// What happens to the entry.
    pub end: End,
    /// The attempt to record; `None` only for [`End::GiveBack`], which records nothing. Its number is
    /// [`Entry::attempts`] after the claim.
    pub attempt: Option<AttemptRecord>,
    /// What happens to the hold of the authority that the request was sent to.
    pub hold: HoldChange,
}

impl Settlement {
    /// The mark for the older dead letters of the entry's key: certainly overtaken if the entry was
    /// delivered, possibly if it may have been processed.
    #[must_use]
    pub fn overtakes(&self) -> Option<Overtaken> {
        match (self.end, &self.attempt) {
            (End::Done, _) => Some(Overtaken::Certainly),
            (End::GiveBack, _) | (_, None) => None,
            (_, Some(attempt)) => {
                attempt.outcome.may_be_processed(attempt.status).then_some(Overtaken::Possibly)
            }
        }
    }
}

/// How a delivery changes the [hold](crate::HeldAuthority) of the authority that it was sent to.
///
/// The hold does not change if the settlement is [`Settled::Fenced`], or if the entry was claimed before the
/// `until` of the hold, because such a delivery does not show whether the API is back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HoldChange {
    /// It does not change.
    #[default]
    Keep,
    /// It ends, because the API accepted or rejected a request.
    End,
    /// Nothing is claimed for this authority for this long. The hold does not change if its number of holds
    /// in a row is no longer `holds_in_row`: a probe that was in flight when an operator ended the hold does
    /// not bring the hold back.
    For {
        /// How many holds in a row there were when the entry was claimed: [`Claimed::holds_in_row`].
        holds_in_row: u32,
        /// From now.
        wait: Duration,
        /// The reason, for operators.
        why: Box<str>,
    },
}

/// What happens to an entry after a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was delivered.
    Done,
    /// It becomes ready, and is due after this wait.
    Again {
        /// From now.
        wait: Duration,
        /// Whether the claim counts as a try. If not, it is subtracted from `tries`.
        counts: bool,
    },
    /// It becomes a dead letter.
    Dead(Reason),
    /// It was not sent. It becomes ready with its old due time, and the claim is subtracted from `attempts`
    /// and `tries`.
    GiveBack,
}

/// The result of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The settlement was applied durably.
    Applied,
    /// The lease was lost before. Nothing changed.
    Fenced,
}

/// An entry that a worker has claimed.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The lease.
    pub lease: Lease,
    /// When the lease expires, by the store's clock. A worker measures the lease's duration from before the
    /// turn instead.
    pub until: Timestamp,
    /// The entry, with this claim counted.
    pub entry: Entry,
    /// The request of its last revision.
    pub request: StoredRequest,
    /// How many holds of its authority there were in a row; 0 unless the claim is a probe.
    pub holds_in_row: u32,
}

/// The result of a [turn](crate::Store::turn).
#[derive(Clone, Debug, Default)]
pub struct Turned {
    /// The result of each settlement, in their order.
    pub settled: Vec<Settled>,
    /// The entries that the turn claimed.
    pub claimed: Vec<Claimed>,
    /// The entries that became dead letters because their lease was lost or they expired.
    pub dead_letters: Vec<Entry>,
    /// How many expired leases the turn reclaimed.
    pub reclaimed_leases: usize,
    /// When to run the next turn:
    ///
    /// - Zero: more may be claimable now, because as many entries were claimed as asked for (even if that is
    ///   zero), or more entries have expired than one turn moves.
    /// - Else the time until the earliest of:
    ///   - (a) a lease of the queue expires;
    ///   - (b) a ready entry expires;
    ///   - (c) an entry at the head of its key becomes claimable: it is due, and its authority is not held.
    ///
    ///   (c) is left out while the queue is paused or at its cap, and for an entry that waits for a probe to
    ///   end.
    /// - `None`: only a change can help.
    pub next: Option<Duration>,
}
