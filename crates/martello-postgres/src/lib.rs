#![doc = include_str!("../README.md")]

mod builder;
mod checkout;
#[cfg(feature = "poll")]
mod checkpoint;
mod connect;
mod connect_url;
mod connections;
mod engine;
mod execution;
mod explain;
mod fault;
mod fence;
mod id;
mod migrate;
mod notifications;
mod own_pool;
mod pooler;
mod read;
mod rekey;
mod schema;
mod shared;
mod statement;
mod store;
mod write;

pub use builder::PostgresStoreBuilder;
#[cfg(feature = "poll")]
pub use checkpoint::PostgresCheckpoint;
pub use store::PostgresStore;
