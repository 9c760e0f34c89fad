//! A planning API in memory: a server with a clock of its own that releases plannings late, out of order and
//! with equal stamps, and fails in all the ways that a history asks for.

mod driver;
mod history;
mod server;
mod store;

pub(crate) use driver::{Outcome, run};
pub(crate) use history::{Fault, History, Record, Run, history};
