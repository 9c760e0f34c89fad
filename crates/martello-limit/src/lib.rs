#![doc = include_str!("../README.md")]

mod body;
mod builder;
mod future;
mod keys;
mod layer;
mod limiter;
mod permit;
mod queue;
mod release;
mod service;
mod slab;
mod snapshot;
mod tally;
mod unread;
mod waiter;
mod waiting;

pub use body::LimitBody;
pub use builder::ConcurrencyLimitBuilder;
pub use future::ResponseFuture;
pub use layer::ConcurrencyLimitLayer;
pub use martello_outcome::{CallError, ConfigError, ErrorKind, RequestHead};
pub use release::Release;
pub use service::ConcurrencyLimit;
pub use snapshot::Snapshot;
