//! Tests of the worker.

mod abandoned;
mod attempts;
mod authorities;
mod concurrency;
mod events;
mod health;
mod histories;
mod hold;
mod leases;
mod local_faults;
mod logging;
mod lost_answers;
mod many_apis;
mod options;
mod outcomes;
mod panics_and_sealing;
mod probing;
mod pruning;
mod shutdown;
mod store_down;
mod unsent;
mod untried;
mod waits;
mod waking;
