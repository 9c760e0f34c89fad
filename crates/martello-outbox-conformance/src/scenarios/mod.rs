//! The scenarios: each sentence of [`Store`](martello_outbox::Store) has at least one.

pub(super) mod changing;
pub(super) mod claiming;
pub(super) mod concurrency;
pub(super) mod durability;
pub(super) mod enqueueing;
pub(super) mod holding;
pub(super) mod keys;
pub(super) mod leases;
pub(super) mod listing;
pub(super) mod next;
pub(super) mod notifications;
pub(super) mod overtaken_replays;
pub(super) mod overtaking;
pub(super) mod payloads;
pub(super) mod probing;
pub(super) mod queues;
pub(super) mod removing;
pub(super) mod replaying;
pub(super) mod settling;
