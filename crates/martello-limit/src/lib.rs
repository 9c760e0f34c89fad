#![doc = include_str!("../README.md")]

mod body;
mod builder;
mod future;
mod gate;
mod keys;
mod layer;
mod list;
mod permit;
mod place;
mod queue;
mod release;
mod service;
mod snapshot;
mod tally;
mod unread;
mod waiting;

pub use body::LimitBody;
pub use builder::ConcurrencyLimitBuilder;
pub use future::ResponseFuture;
pub use layer::ConcurrencyLimitLayer;
pub use martello_outcome::{CallError, ConfigError, ErrorKind, RequestHead};
pub use release::Release;
pub use service::ConcurrencyLimit;
pub use snapshot::Snapshot;
