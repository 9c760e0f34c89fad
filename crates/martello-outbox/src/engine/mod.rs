//! For authors of engines: what every engine on a database needs beside its SQL.
//!
//! `martello-sqlite` and `martello-postgres` are built on this module. An engine implements
//! [`Store`](crate::Store), and takes from here:
//!
//! - [`Notifier`] and [`Changes`]: the channels behind [`Store::watch`](crate::Store::watch).
//! - [`state_code`], [`overtaken_code`] and [`micros`]: how states, marks and times are stored.
//! - [`Columns`]: how rows become entries, attempts, events and replays.
//! - [`health`]: the texts of a health check.
//! - [`check_cap`], [`check_list_limit`], [`check_replay_rate`], [`purge_filter`] and [`required_state`]: the
//!   checks of arguments.
//! - [`corrupt`], [`closed`], [`newer_schema`], [`too_large`] and [`is_temporary`]: the errors that every
//!   engine reports in the same words.
//!
//! The stored codes and the order of the columns are part of the format of stores on disk. They never change.

mod code;
mod columns;
mod error;
pub mod health;
mod notify;
mod rederive;
mod row;
mod time;

pub use code::{overtaken_code, overtaken_from_code, state_code, state_from_code};
pub use columns::{Columns, parse, status};
pub use error::{closed, corrupt, is_temporary, newer_schema, too_large};
pub use notify::{Changes, Notifier};
pub use rederive::{authority_of, rederived_order_key};
pub use row::{attempt, entry, entry_without_request, event, hold, queue_stats, replay_job, stored_request};
pub use time::{ceil_micros, duration, later, micros, timestamp};

pub use crate::store::arguments::{
    check_cap, check_list_limit, check_replay_rate, purge_filter, required_state,
};
