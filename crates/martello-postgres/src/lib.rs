#![doc = include_str!("../README.md")]

mod bells;
mod builder;
#[cfg(feature = "poll")]
mod checkpoint;
mod code;
mod connections;
mod engine;
mod fault;
mod fence;
mod id;
mod listener;
mod migrate;
mod own;
mod pooler;
mod read;
mod rekey;
mod schema;
mod statement;
mod store;
mod target;
mod time;
mod write;

pub use builder::PostgresStoreBuilder;
#[cfg(feature = "poll")]
pub use checkpoint::PostgresCheckpoint;
pub use store::PostgresStore;
