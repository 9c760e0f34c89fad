//! What is changed: each operation is one call of a function in the schema.

mod batch;
mod change;
mod enqueue;
mod inputs;
mod queue;
mod remove;
mod replay;
mod settlements;
mod turn;

use std::borrow::Cow;

pub(crate) use batch::{Batcher, serve};
pub(crate) use change::change;
pub(crate) use enqueue::enqueue_in;
pub(crate) use queue::{overtake, pause, resume};
pub(crate) use remove::{prune, purge};
pub(crate) use replay::{cancel_replay, replay};
pub(crate) use turn::{heartbeat, turn};

/// A text as PostgreSQL can keep it: it knows no character of number zero.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}
