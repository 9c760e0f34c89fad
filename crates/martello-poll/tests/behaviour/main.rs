//! A file per behaviour.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that panics has failed")]

mod asking;
mod conditional;
mod configuration;
mod failing;
mod file;
#[cfg(unix)]
mod file_path;
mod for_each;
#[cfg(unix)]
mod forking;
mod histories;
mod item_issues;
mod lease;
mod parking;
mod resync;
mod simulation;
mod start;
mod stopping;
mod support;
mod watermark;
mod wire;
