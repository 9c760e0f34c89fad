//! A file per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod bodies;
mod budget;
mod configuration;
mod contract;
mod decisions;
mod handed_back;
mod history;
mod readiness;
mod refunds;
mod support;
mod timeouts;
mod waits;
mod whole_responses;
mod wire;
