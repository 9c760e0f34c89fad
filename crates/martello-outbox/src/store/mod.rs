//! The contract between the outbox and its engines: [`Store`], and the types that only engines and workers
//! use.
//!
//! The root of the crate has the types that every user needs.

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

/// The future of an operation of a store.
///
/// If it is dropped, the operation may or may not take place. Read the entry to find out, or run the
/// operation again.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Stores entries durably.
///
/// An engine stores and orders entries. The worker decides what an outcome means, how long to wait and when
/// to give up. The crate `martello-outbox-conformance` tests whether an engine keeps these promises.
/// [`MemoryStore`] is the shortest engine that does.
///
/// # What every engine promises
///
/// - An operation takes place completely or not at all, even if the process crashes. What a store
///   acknowledged is durable.
/// - Any number of stores on the same data, in any number of processes, behave like one.
/// - The store has the clock, and callers pass durations. See [`Clock`].
/// - Entries have a total order: that in which they were stored.
/// - A time has come when the clock shows it. An entry is due at its `due_at` and has expired at its
///   `expires_at`. A lease has expired, and a hold is over, at the end of its duration. Times are whole
///   microseconds. A time after
///   [`Timestamp::MAX`](jiff::Timestamp::MAX) becomes that.
///
/// # The states of an entry
///
/// | from | by | to |
/// |---|---|---|
/// | – | [`enqueue`](Store::enqueue) | ready; dead with [`NewEntry::dead`] |
/// | ready | [`turn`](Store::turn): a claim | leased |
/// | ready | [`turn`](Store::turn): expiry | dead, `Expired` |
/// | ready | [`Change::Cancel`], or [superseded](crate::WhenPending::Supersede) by a newer entry | cancelled |
/// | ready | [`Change::DeadLetter`] | dead, `ByHand` |
/// | ready | [`cancel_replay`](Store::cancel_replay), if the replay made it ready and no worker claimed it since | dead, its earlier reason |
/// | leased | a settlement with [`End::Done`] | done |
/// | leased | a settlement with [`End::Dead`] | dead, the reason of the settlement |
/// | leased | a settlement with [`End::Again`] or [`End::GiveBack`] | ready |
/// | leased | [`turn`](Store::turn): the lease expired | ready; dead, `Ambiguous`, if it is not repeatable; dead, `Crashed`, if it has no attempts left |
/// | dead | [`Change::Replay`] or [`replay`](Store::replay) | ready |
/// | dead | [`purge`](Store::purge) | deleted |
/// | done, cancelled | [`prune`](Store::prune) | deleted |
///
/// An entry is *claimable* if it is ready, due and not expired, its queue is not paused, its authority
/// [may be claimed](HeldAuthority) in the queue, and it is the *head of its key*: no other entry of its queue
/// and key is leased, and no older one is ready. An entry without a key is always a head.
///
/// # Holds
///
/// The [authority](StoredRequest::authority) of an entry is that of its last revision. A settlement can hold
/// it in its queue ([`HoldChange::For`]). Until the hold's [`until`](HeldAuthority::until), no entry of the
/// authority is claimed in the queue. After that, the hold is *over*, and the authority is probed until a
/// settlement ends the hold ([`HoldChange::End`]) or makes the next one.
///
/// A *probe* is a leased entry of an authority whose hold is over. An entry is claimed as a probe only if no
/// other entry of its authority is leased in the queue, and the queue has fewer probes than half of
/// [`Turn::cap`] (rounded down, at least one), including those of the same turn. Otherwise the turn skips it
/// and claims later entries. A queue remembers at most [`HeldAuthority::MAX_PER_QUEUE`] holds.
///
/// # Overtaken dead letters
///
/// A dead letter is [overtaken](Overtaken) if a newer request of its queue and key was delivered. The mark is
/// made by:
///
/// - [`Store::overtake`];
/// - a settlement of a newer entry, as [`Settlement::overtakes`] says;
/// - the expired lease of a newer entry: possibly;
/// - a replay while a newer entry is leased: possibly.
///
/// The mark stays when the dead letter is edited or replayed, and whatever happens to the newer entry. It can
/// only change from possibly to certainly.
///
/// ```
/// use martello_outbox::{Change, Filter, MemoryStore, NewEntry, QueueName, State, Store, StoredRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let request = StoredRequest {
/// #     method: http::Method::PUT,
/// #     uri: "https://api.example/plans/7".parse()?,
/// #     headers: http::HeaderMap::new(),
/// #     body: "{}".into(),
/// #     sealed: false,
/// # };
/// let store = MemoryStore::new();
/// let entry = NewEntry::new(QueueName::default(), request);
/// let id = entry.id;
/// store.enqueue(vec![entry]).await?;
/// store.change(id, Change::Cancel).await?;
/// assert_eq!(store.count(Filter::state(State::Cancelled)).await?, 1);
/// # Ok(())
/// # }
/// ```
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Stores these entries in this order, all or none. Fails with [`StoreErrorKind::Invalid`] if an entry
    /// does not pass
    /// [`NewEntry::check`].
    ///
    /// An entry whose `dedup_key` the queue already has, in any state, is not stored:
    /// [`Enqueued::Duplicate`]. The same holds for an entry whose id is already stored, so that a caller that
    /// received no result can try again. With
    /// [`WhenPending::Supersede`](crate::WhenPending), the entry cancels the ready entries of its queue and
    /// key. An entry with [`NewEntry::dead`] is stored as a dead letter and supersedes nothing.
    fn enqueue(&self, entries: Vec<NewEntry>) -> StoreFuture<'_, Vec<Enqueued>>;

    /// Whether this queue and key have pending entries and dead letters.
    fn key_state<'a>(&'a self, queue: &'a QueueName, key: &'a OrderKey) -> StoreFuture<'a, KeyState>;

    /// Marks all dead letters of this queue and key as overtaken, because a newer request was delivered, or
    /// may have been. Returns how many did not yet have this mark or a more certain one.
    fn overtake<'a>(
        &'a self,
        queue: &'a QueueName,
        key: &'a OrderKey,
        overtaken: Overtaken,
    ) -> StoreFuture<'a, u64>;

    /// Runs one turn of a worker, completely or not at all, in this order:
    ///
    /// 1. Settles the worker's deliveries. A settlement whose lease is not the entry's current one is
    ///    [`Settled::Fenced`] and changes nothing. If it was the last one applied to the entry (the worker
    ///    did not receive the result), it is [`Settled::Applied`] again and changes nothing. An expired lease
    ///    stays current until step 2 of a turn reclaims it. A settlement also changes the hold of the entry's
    ///    authority and marks the older dead letters of its key.
    /// 2. Reclaims the expired leases of the queue. It records the attempt as
    ///    [lost](crate::AttemptRecord::lost). The entry becomes dead with `Ambiguous` if it is not
    ///    repeatable, dead with `Crashed` if it has no attempts left, and otherwise ready and due at once.
    ///    The fence is never valid again.
    /// 3. Moves up to 100 expired ready entries of the queue to the dead letters, with `Expired`. Those that
    ///    expired first come first.
    /// 4. Claims claimable entries: at most [`Turn::claim`], and so that at most [`Turn::cap`] entries of the
    ///    queue are leased by all workers. Those due first come first, then the oldest. A claim adds 1 to
    ///    `attempts` and `tries`, and has a new fence. `due_at` stays.
    ///
    /// Fails with [`StoreErrorKind::Invalid`] if the cap is zero.
    fn turn(&self, turn: Turn) -> StoreFuture<'_, Turned>;

    /// Renews these leases, so that they last for `lease_duration` from now. Returns for each whether it was
    /// renewed. An expired lease can be renewed until a turn reclaims it.
    fn heartbeat(&self, leases: Vec<Lease>, lease_duration: Duration) -> StoreFuture<'_, Vec<bool>>;

    /// Pauses this queue: nothing is claimed until it is resumed. Leases stay valid.
    fn pause<'a>(&'a self, queue: &'a QueueName, why: &'a str) -> StoreFuture<'a, ()>;

    /// Ends the pause of this queue and all its holds.
    fn resume<'a>(&'a self, queue: &'a QueueName) -> StoreFuture<'a, ()>;

    /// The numbers of all queues, by name: at least of those that had an entry or were paused.
    fn queues(&self) -> StoreFuture<'_, Vec<QueueStats>>;

    /// Reads the summary of an entry.
    fn entry(&self, id: EntryId) -> StoreFuture<'_, Option<Entry>>;

    /// Reads an entry with its requests, attempts and events.
    fn detail(&self, id: EntryId) -> StoreFuture<'_, Option<Detail>>;

    /// Lists at most `limit` entries (1 to 1,000) that the filter selects, after the cursor and the newest
    /// first. Fails with
    /// [`StoreErrorKind::Invalid`] if the limit is out of range.
    fn list(&self, filter: Filter, after: Option<Cursor>, limit: usize) -> StoreFuture<'_, Page>;

    /// Counts the entries that the filter selects.
    fn count(&self, filter: Filter) -> StoreFuture<'_, u64>;

    /// Changes one entry and returns its new summary. Fails with [`StoreErrorKind::NotFound`], or with
    /// [`StoreErrorKind::Conflict`] if its state or an edit by another caller does not allow the change.
    fn change(&self, id: EntryId, change: Change) -> StoreFuture<'_, Entry>;

    /// Replays the dead letters that the filter selects, the oldest first and at most [`ReplayJob::MOST`], at
    /// a rate of `per_second` (0.001 to 10,000): the n-th, counted from 0, is due after n ÷ `per_second`
    /// seconds. Each is changed as by [`Change::Replay`], and its time to expire starts when it is due. A
    /// filter that selects nothing makes an empty job.
    ///
    /// Fails with [`StoreErrorKind::Invalid`] if the rate is out of range. With [`WhenOvertaken::Refuse`],
    /// fails with
    /// [`StoreErrorKind::Conflict`] and changes nothing if one of them is overtaken, or a newer entry of its
    /// key is leased. The error is that of the oldest such dead letter.
    fn replay(&self, filter: Filter, per_second: f64, overtaken: WhenOvertaken)
    -> StoreFuture<'_, ReplayJob>;

    /// Lists the replays with their progress, the newest first. [`Store::prune`] deletes old ones.
    fn replays(&self) -> StoreFuture<'_, Vec<ReplayJob>>;

    /// Cancels a replay: the entries that it made ready and that no worker has claimed since, not even to
    /// give them back, become dead letters again with their earlier reasons. A second cancel changes nothing.
    /// Fails with
    /// [`StoreErrorKind::NotFound`].
    fn cancel_replay(&self, job: JobId) -> StoreFuture<'_, ReplayJob>;

    /// Deletes the dead letters that the filter selects, except protected ones, and returns how many. An
    /// [open](Filter::is_open) filter is [`StoreErrorKind::Invalid`].
    fn purge(&self, purge: Purge) -> StoreFuture<'_, u64>;

    /// Deletes up to `limit` entries that have been done or cancelled for longer than `age`, the oldest ends
    /// first, and returns how many. Then deletes the replays that were made longer than `age` ago and that no
    /// entry refers to, and, whatever `age` is, the holds that have been over for longer than
    /// [`HeldAuthority::FORGET_AFTER`].
    fn prune(&self, age: Duration, limit: usize) -> StoreFuture<'_, u64>;

    /// A channel whose value changes soon after something of this kind may have happened: at once after an
    /// operation of this store, within 250 ms after one of another store on the same machine, and always
    /// within a second. The value may also change without a reason.
    fn watch(&self, what: Watch) -> watch::Receiver<u64>;

    /// Checks the data: the schema, its integrity, expired leases, the clock.
    fn check_health(&self) -> StoreFuture<'_, Vec<Check>>;
}

/// What [`Store::watch`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// An entry may have become claimable: it was stored, replayed, given back or deferred, another entry of
    /// its key ended, a lease became free, or the queue was resumed.
    Ready,
    /// An entry may have ended: it is done, dead or cancelled.
    Ended,
}

/// A change of one entry by hand, for [`Store::change`].
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Ready becomes cancelled.
    Cancel,
    /// Ready becomes a dead letter, [`ByHand`](crate::Reason::ByHand).
    DeadLetter,
    /// A dead letter becomes ready, due now, with 0 tries and its full time to expire. Its id, position in
    /// the order, history, reason, idempotency key and protection stay. It no longer belongs to a replay job.
    ///
    /// With [`WhenOvertaken::Refuse`], fails with [`StoreError::overtaken`] if it is [overtaken](Overtaken),
    /// and with
    /// [`StoreError::overtaking`] if a newer entry of its queue and key is leased. With
    /// [`WhenOvertaken::Overwrite`], it is replayed, and such a lease marks it as possibly overtaken.
    Replay(WhenOvertaken),
    /// A dead letter gets this request as its next revision. It stays dead, and its earlier revisions stay.
    /// Fails with
    /// [`StoreErrorKind::Conflict`] if `on` is not its last revision, so that a caller cannot overwrite an
    /// edit that it has not seen, and with [`StoreErrorKind::Invalid`] if the request does not pass
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
