//! A file per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod abandoned;
mod attempts;
mod call_error;
mod fault_chains;
mod faults_over_http1;
mod faults_over_http2;
mod ids;
mod notes;
mod processed;
mod queued;
mod repeatable;
mod retry_after;
mod secrets;
mod statuses;
mod unsendable;
