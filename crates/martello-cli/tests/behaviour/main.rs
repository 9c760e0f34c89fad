//! Tests that run the command against stores that the library has filled.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

#[cfg(unix)]
mod bounds;
mod bulk;
mod credentials;
mod doctor;
mod editing;
#[cfg(unix)]
mod editor;
mod exit_codes;
mod exporting;
#[cfg(unix)]
mod files;
mod headers;
#[cfg(target_os = "linux")]
mod hostile_bodies;
mod hostile_text;
#[cfg(unix)]
mod interrupting;
mod list_and_show;
mod output;
mod parked;
#[cfg(unix)]
mod pipes;
mod poll_stopped;
mod polling;
mod postgres;
mod purging;
mod queues;
mod replaying;
mod stores;
mod support;
mod sync;
mod upsert_interrupted;
mod upserting;
