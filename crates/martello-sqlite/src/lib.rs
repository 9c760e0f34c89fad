#![doc = include_str!("../README.md")]

mod bells;
mod builder;
mod code;
mod engine;
mod fault;
mod fence;
mod open;
#[cfg(test)]
mod plans;
mod read;
mod readers;
mod sql;
mod store;
mod time;
mod watcher;
mod write;
mod writer;

pub use builder::SqliteStoreBuilder;
pub use store::SqliteStore;
