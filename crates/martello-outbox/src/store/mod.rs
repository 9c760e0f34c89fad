//! The contract between the outbox and an engine: [`Store`], and the types that only an engine and a worker name.
//!
//! The types that every user meets are also at the root of the crate.

pub(crate) mod arguments;
mod clock;
mod error;
mod filter;
mod job;
mod memory;
mod stats;
mod turn;

use std::{fmt, future::Future, pin::Pin, time::Duration};

use tokio::sync::watch;

pub use clock::{Clock, ManualClock};
pub use error::{StoreError, StoreErrorKind};
pub use filter::{Cursor, Filter, Page, Purge};
pub use job::ReplayJob;
pub use memory::MemoryStore;
pub use stats::{Check, HeldAuthority, QueueStats};
pub use turn::{Claimed, End, HoldChange, Lease, Settled, Settlement, Turn, Turned, WorkerId};

pub use crate::entry::{JobId, KeyState};
use crate::{
    Detail, Enqueued, Entry, EntryId, NewEntry, OrderKey, Overtaken, QueueName, StoredRequest, WhenOvertaken,
};

/// The future of a store's operation.
///
/// Dropped, the operation may or may not take place: whoever needs to know looks, or does it again.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where entries are kept.
///
/// An engine stores and orders; what an outcome means, how long to wait and when to give up is decided by the
/// worker. The crate `martello-outbox-conformance` tests whether an engine keeps the promises
/// made here, and [`MemoryStore`] is the shortest engine that does.
///
/// # What every engine promises
///
/// - An operation takes place whole or not at all, also when the process dies in the middle; what it acknowledged,
///   stays.
/// - Any number of stores on the same data, in any number of processes, together behave like one.
/// - Time is the store's: callers speak in durations. See [`Clock`].
/// - Entries have an order, in which they were stored; of two entries of one key, no two are ever in it alike.
/// - A moment has come when the clock shows it: an entry is due at its `due_at`, has expired at its `expires_at`, a
///   lease has run out and a hold has ended at the end of its duration. Times are whole microseconds, and one that
///   would lie past [`Timestamp::MAX`](jiff::Timestamp::MAX) is that.
///
/// # The states of an entry
///
/// ```text
///            claim            settle: Done
///   Ready ──────────▶ Leased ──────────────▶ Done
///    ▲ ▲ │              │ │
///    │ │ │ Cancel       │ └──── settle: Dead ─────▶ Dead ──┐
///    │ │ └─▶ Cancelled  │                            ▲      │ Replay
///    │ └────────────────┘ settle: Again, GiveBack    │      │
///    └─────────────────── lost lease ────────────────┘ ◀────┘
/// ```
///
/// *Claimable* is an entry that is ready, due and not expired, whose queue is not paused, whose authority
/// [may be claimed](HeldAuthority) in its queue, and which is at the *head of its key*: no other entry of its queue and key is
/// leased, and none that is older is ready. An entry without a key is always at the head.
///
/// # What is held
///
/// The [authority](StoredRequest::authority) of an entry is that of its last revision. A settlement can make a hold of
/// it in its queue ([`HoldChange::For`]). Until the hold's [`until`](HeldAuthority::until), no entry of the authority is claimed
/// there. After that, the hold is *over*, and the authority is probed until a settlement ends the hold ([`HoldChange::End`])
/// or makes the next. A *probe* is a leased entry of an authority whose hold is over. An entry that would be one is
/// claimed only if no other of its authority is leased in the queue, and if the queue has fewer probes than half of
/// [`Turn::cap`] (rounded down, but at least one), those of the same turn included; otherwise it is passed over, and
/// what comes after it is claimed. [`HeldAuthority::MAX_PER_QUEUE`] holds are remembered for each queue.
///
/// # What is overtaken
///
/// A dead letter is [overtaken](Overtaken) when a newer request of its queue and key was delivered: by
/// [`Store::overtake`], or by a settlement of a newer entry, as [`Settlement::overtakes`] says, possibly when such an
/// entry's lease is lost, and possibly if it is replayed although such an entry is leased. The mark stays: whatever
/// happens to the newer entry, and also if the dead letter is edited or replayed. It only ever gets more certain.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Stores these entries, in this order, all or none. Fails with [`StoreErrorKind::Invalid`] if one of them does
    /// not pass [`NewEntry::check`].
    ///
    /// An entry whose `dedup_key` its queue already has, in whatever state, is not stored: [`Enqueued::Duplicate`].
    /// Nor is one whose id is stored already, so that whoever heard of no answer may ask again.
    /// With [`WhenPending::Supersede`](crate::WhenPending), the ready entries of its queue and key become
    /// cancelled, by this one. One with [`NewEntry::dead`] is stored as a dead letter, and supersedes nothing.
    fn enqueue(&self, entries: Vec<NewEntry>) -> StoreFuture<'_, Vec<Enqueued>>;

    /// What there is of this queue and key.
    fn key_state<'a>(&'a self, queue: &'a QueueName, key: &'a OrderKey) -> StoreFuture<'a, KeyState>;

    /// Marks all dead letters of this queue and key: a newer request than they are was delivered, or may have been.
    /// Tells how many had no mark as certain.
    fn overtake<'a>(
        &'a self,
        queue: &'a QueueName,
        key: &'a OrderKey,
        overtaken: Overtaken,
    ) -> StoreFuture<'a, u64>;

    /// One turn of a worker, whole or not at all, in this order:
    ///
    /// 1. Settles what the worker has done. A settlement whose lease is no longer the entry's is
    ///    [`Settled::Fenced`] and changes nothing; one that was the last to be applied to its entry (the worker did
    ///    not hear of it) is [`Settled::Applied`] again and changes nothing. A lease that has run out is the entry's
    ///    still, until it is taken. With the entry its settlement changes the hold of its authority, and the marks of the
    ///    older dead letters of its key.
    /// 2. Takes the leases of this queue that have run out from their workers: the attempt is written down as
    ///    [lost](crate::AttemptRecord::lost); then the entry is dead as `Ambiguous` if it is not repeatable, dead as
    ///    `Crashed` if it has had its attempts, and else ready and due at once. The lease's fence is spent.
    /// 3. Moves up to 100 of the queue's ready entries that have expired to the dead letters, as `Expired`; those
    ///    that expired first, first.
    /// 4. If anything is to be claimed, claims claimable entries, those due first and then the oldest, but no more
    ///    than asked for, and so that at most [`Turn::cap`] of the queue are leased at once, by whomever. A claim
    ///    counts the attempt (`attempts` and `tries`), spends a fence, and never hands out one twice. `due_at` stays.
    ///
    /// Fails with [`StoreErrorKind::Invalid`] if the cap is zero.
    fn turn(&self, turn: Turn) -> StoreFuture<'_, Turned>;

    /// Makes these leases last for `lease` from now, and tells for each whether it was still held. One that has run
    /// out is held until a turn takes it.
    fn heartbeat(&self, leases: Vec<Lease>, lease_duration: Duration) -> StoreFuture<'_, Vec<bool>>;

    /// Claims nothing from this queue until it is resumed. What is leased goes on.
    fn pause<'a>(&'a self, queue: &'a QueueName, why: &'a str) -> StoreFuture<'a, ()>;

    /// Ends the pause of this queue, and all its holds.
    fn resume<'a>(&'a self, queue: &'a QueueName) -> StoreFuture<'a, ()>;

    /// The queues that were ever used, by name, and how they stand: at least those that an entry was stored in and
    /// those that were paused.
    fn queues(&self) -> StoreFuture<'_, Vec<QueueStats>>;

    /// The entry at a glance.
    fn entry(&self, id: EntryId) -> StoreFuture<'_, Option<Entry>>;

    /// All that is known of the entry.
    fn detail(&self, id: EntryId) -> StoreFuture<'_, Option<Detail>>;

    /// Entries that pass the filter, the newest first, at most `limit` (1 to 1,000), after the cursor. Fails with
    /// [`StoreErrorKind::Invalid`] if the limit is out of its range.
    fn list(&self, filter: Filter, after: Option<Cursor>, limit: usize) -> StoreFuture<'_, Page>;

    /// How many entries pass the filter.
    fn count(&self, filter: Filter) -> StoreFuture<'_, u64>;

    /// Changes one entry, and yields it as it then is. Fails with [`StoreErrorKind::NotFound`], or with
    /// [`StoreErrorKind::Conflict`] if the entry's state, or an edit of it meanwhile, does not allow the change.
    fn change(&self, id: EntryId, change: Change) -> StoreFuture<'_, Entry>;

    /// Puts the dead letters that pass the filter back into their queues, the oldest first, `per_second` of them in
    /// each second (from 0.001 to 10,000): the n-th, counted from 0, is due after n ÷ `per_second`. At most
    /// [`ReplayJob::MOST`]. Each is changed as by [`Change::Replay`], and expires as long after it is due as it would
    /// then. A filter that nothing passes makes a job of none. Fails with [`StoreErrorKind::Invalid`] if the rate is
    /// out of its range, and with [`StoreErrorKind::Conflict`], and no change, if one of them is overtaken, or a
    /// newer entry of its key is leased, and `overtaken` does not say that it be replayed all the same: with the error
    /// of the oldest of them.
    fn replay(&self, filter: Filter, per_second: f64, overtaken: WhenOvertaken)
    -> StoreFuture<'_, ReplayJob>;

    /// The replays, the newest first, with their progress. [`Store::prune`] forgets them.
    fn replays(&self) -> StoreFuture<'_, Vec<ReplayJob>>;

    /// Makes dead letters again, with their reasons, of what the job has put back and no worker has claimed since, not
    /// even to give it back. Cancelled once more, it changes nothing. Fails with [`StoreErrorKind::NotFound`].
    fn cancel_replay(&self, job: JobId) -> StoreFuture<'_, ReplayJob>;

    /// Deletes the dead letters that pass the filter, except those that are protected, and tells how many. An
    /// [open](Filter::is_open) filter is [`StoreErrorKind::Invalid`].
    fn purge(&self, purge: Purge) -> StoreFuture<'_, u64>;

    /// Deletes up to `limit` of the entries that have been done or cancelled for longer than `age`, those first that
    /// have been so for longest, and tells how many. Then forgets the replays that were made longer than `age` ago and
    /// that no entry bears any more, and, whatever `age` is, the holds that have been over for longer than
    /// [`HeldAuthority::FORGET_AFTER`].
    fn prune(&self, age: Duration, limit: usize) -> StoreFuture<'_, u64>;

    /// A channel whose value changes soon after there may be something new of this kind, whoever made it: at
    /// once if it was this store, within 250 ms if it was another on the same machine, and in any case within a
    /// second. It may change for nothing.
    fn watch(&self, what: Watch) -> watch::Receiver<u64>;

    /// Checks the data: the schema, its integrity, leases that have run out, the clock.
    fn check_health(&self) -> StoreFuture<'_, Vec<Check>>;
}

/// What to watch for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// An entry may have become claimable: by being stored, replayed, given back or put off, by the end of another of
    /// its key, by a lease that came free, or because the queue was resumed.
    Ready,
    /// An entry may have come to an end: done, dead or cancelled.
    Ended,
}

/// A change to one entry by hand.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Ready becomes cancelled.
    Cancel,
    /// Ready becomes a dead letter, [`ByHand`](crate::Reason::ByHand).
    DeadLetter,
    /// A dead letter becomes ready, due now, with no tries behind it and as long to expire as when it was stored. Its
    /// id, place in the order, history, reason, idempotency key and whether it is protected stay; a job that replayed it
    /// before is no longer its last. Unless it is to be replayed all the same, fails with [`StoreError::overtaken`] if
    /// it is [overtaken](Overtaken), and else with [`StoreError::overtaking`] if a newer entry of its queue and key is
    /// leased. If it is replayed all the same, such a lease overtakes it possibly.
    Replay(WhenOvertaken),
    /// A dead letter gets this request as its next revision; it stays dead, and its earlier revisions stay. Fails with
    /// [`StoreErrorKind::Conflict`] if the revision that it was made on is not the last, so that nobody overwrites an
    /// edit that he has not seen, and with [`StoreErrorKind::Invalid`] if the request does not pass
    /// [`StoredRequest::check`].
    Edit {
        /// The number of the revision that the edit was made on.
        on: u32,
        /// The request.
        request: Box<StoredRequest>,
    },
    /// A dead letter is protected from purges. If it already is, nothing changes.
    Protect,
    /// A dead letter is no longer protected from purges. If it was not, nothing changes.
    Unprotect,
}
