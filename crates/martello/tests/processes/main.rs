//! Tests the guarantees for several processes with real ones, killed, stopped and continued at random
//! moments.
//!
//! A child process ([`child`]) is another instance of this binary and has a role ([`roles`]). The test is the
//! parent. It serves the API that the children call ([`api`]). At the end it checks that the received
//! requests, the output of the children and the stored entries agree ([`check`]). `MARTELLO_TEST_KILLS` sets
//! how many processes are killed; `MARTELLO_TEST_SEED` repeats the random choices of a run.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed"
)]

mod api;
mod check;
mod child;
mod concurrency;
mod crash;
mod creation;
mod fixture;
mod hits;
mod order;
mod polling;
mod process_config;
mod roles;
mod settings;
mod stopped;
mod test_store;
