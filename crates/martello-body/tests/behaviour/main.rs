//! A file per behaviour.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

mod asks;
mod bounded;
mod guarded;
mod idle_timeout;
mod recorded;
mod try_copy;
