#![doc = include_str!("../README.md")]

#[cfg(test)]
mod budget;
mod builder;
#[cfg(feature = "poll")]
mod checkpoint;
mod engine;
mod fault;
mod fence;
mod open;
#[cfg(test)]
mod query_plan_tests;
mod read;
mod readers;
mod sql;
mod store;
mod watcher;
mod write;
mod writer;

pub use builder::SqliteStoreBuilder;
#[cfg(feature = "poll")]
pub use checkpoint::SqliteCheckpoint;
pub use store::SqliteStore;
