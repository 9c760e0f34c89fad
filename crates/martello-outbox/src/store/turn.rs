use std::{fmt, sync::Arc, time::Duration};

use jiff::Timestamp;
use martello_outcome::Printable;

use crate::{AttemptRecord, Entry, EntryId, InvalidEntry, Overtaken, QueueName, Reason, StoredRequest};

/// The name of a worker, in leases and attempts: 1 to 128 bytes without control characters. It need not be unique:
/// a fence is.
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

    /// The name of a worker that was given none.
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

/// The right of a worker to deliver an entry, for a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The entry.
    pub id: EntryId,
    /// The token that tells this claim from every other of the entry, also across a loss of the store's last
    /// moments: who comes with another does not hold it any more.
    pub fence: Arc<str>,
    /// Who claimed it.
    pub worker: WorkerId,
}

/// What a worker asks of a store in one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The queue.
    pub queue: QueueName,
    /// The worker.
    pub worker: WorkerId,
    /// What came of what it had.
    pub settle: Vec<Settlement>,
    /// How many it would take on; zero claims nothing.
    pub claim: usize,
    /// How many of the queue may be leased at once, by whomever; from 1.
    pub cap: usize,
    /// How long its claims last without a heartbeat.
    pub lease_duration: Duration,
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The claim.
    pub lease: Lease,
    /// What becomes of the entry.
    pub end: End,
    /// What to write down; `None` only for [`End::GiveBack`], which writes nothing. Its number is
    /// [`Entry::attempts`] as claimed.
    pub attempt: Option<AttemptRecord>,
    /// What becomes of the hold of the authority that the request went to.
    pub hold: HoldChange,
}

impl Settlement {
    /// What the attempt has done to the older dead letters of the entry's key: once it was delivered, they are
    /// overtaken, and once it may have been processed, they possibly are.
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

/// What a delivery does to the [hold](crate::HeldAuthority) of the authority that it went to.
///
/// The hold stays as it is if the settlement is [`Settled::Fenced`], or if the entry was claimed before the `until` of
/// the hold: what was sent before then says nothing about whether the API is back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HoldChange {
    /// It stays as it is.
    #[default]
    Keep,
    /// It ends, because the API accepted or rejected a request.
    End,
    /// Nothing is claimed for this authority for this long. If it has had another number of holds in a row than `holds_in_row`
    /// by now, its hold stays as it is: so a probe that was under way when somebody ended the hold does not bring it
    /// back.
    For {
        /// How many holds in a row there were when the entry was claimed: [`Claimed::holds_in_row`].
        holds_in_row: u32,
        /// From now.
        wait: Duration,
        /// Why, for whoever looks at it.
        why: Box<str>,
    },
}

/// What becomes of an entry after a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was delivered.
    Done,
    /// It is ready again, and due after this long.
    Again {
        /// From now.
        after: Duration,
        /// Whether the claim counts as a try; if not, `tries` is one less again.
        counts: bool,
    },
    /// It is a dead letter.
    Dead(Reason),
    /// It was not sent: ready, due when it was, and the claim is taken out of `attempts` and `tries`.
    GiveBack,
}

/// What came of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The entry is as was asked for, and durably so.
    Applied,
    /// The lease was lost before; nothing changed.
    Fenced,
}

/// An entry that a worker has now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its right to it.
    pub lease: Lease,
    /// Until when, by the store's clock. Measure by the lease's duration from before the turn instead.
    pub until: Timestamp,
    /// The entry, with this claim counted.
    pub entry: Entry,
    /// The request of its last revision.
    pub request: StoredRequest,
    /// How many holds of its authority there were in a row; 0 unless the claim is a probe.
    pub holds_in_row: u32,
}

/// What a store did in one turn.
#[derive(Clone, Debug, Default)]
pub struct Turned {
    /// What came of each settlement, in their order.
    pub settled: Vec<Settled>,
    /// What the worker has now, in addition.
    pub claimed: Vec<Claimed>,
    /// The entries that became dead letters by a lost lease or by expiry.
    pub dead_letters: Vec<Entry>,
    /// How many leases had run out.
    pub reclaimed_leases: usize,
    /// How long until there may be something to do that was not done in this turn: zero if as many were claimed as
    /// asked for (also if that is none), or more entries than fit into one turn expired; else the time until a ready
    /// entry at the head of its key is due and its authority not held, a lease of the queue runs out or a ready entry
    /// expires, whichever comes first. When an entry is due or a hold is over does not count while the queue is paused
    /// or as many are leased as the cap allows. Nor does it for an entry that could only be claimed as a probe, while
    /// another probe of its authority, or as many probes as the cap allows, are leased: it waits for one of them to be
    /// settled. `None` if there is nothing to wait for but a change.
    pub next: Option<Duration>,
}
