//! A file per behaviour.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod bodies;
mod configuration;
mod contract;
mod keys;
mod model;
mod permits;
mod queue;
mod readiness;
mod secrets;
mod sharing;
mod stepping_aside;
mod support;
mod threads;
mod usage;
mod wakers;
mod wire;
