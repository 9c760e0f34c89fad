//! What is promised of several processes, seen with real ones: killed, stopped and continued at random moments.
//!
//! A process plays a part ([`roles`]) and is this binary once more ([`child`]); the test is its parent, serves the API
//! that they call ([`api`]), and looks at the end whether what it saw, what they said and what is stored agree
//! ([`check`]). `MARTELLO_TEST_KILLS` sets how many are killed, `MARTELLO_TEST_SEED` repeats the draws of a run.
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
