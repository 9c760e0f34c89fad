//! Operations in a transaction. Each change of a state also updates the heads of keys and the counts of
//! queues.

mod authority;
mod change;
mod claim;
mod enqueue;
mod expiry;
mod hold;
mod key_heads;
mod overtake;
mod remove;
mod replay;
mod settle;
mod turn;

pub(crate) use change::change;
pub(crate) use enqueue::enqueue;
pub(crate) use hold::{pause, resume};
pub(crate) use overtake::overtake;
pub(crate) use remove::{prune, purge};
pub(crate) use replay::{cancel_replay, replay};
pub(crate) use turn::{heartbeat, turn};
