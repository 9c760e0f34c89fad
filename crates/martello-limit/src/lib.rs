#![doc = include_str!("../README.md")]

mod acquire;
mod body;
mod builder;
mod future;
mod group;
mod keys;
mod layer;
mod limiter;
mod service;
mod slab;
mod state;
mod usage;

pub use body::{LimitBody, Release};
pub use builder::ConcurrencyLimitBuilder;
pub use future::ResponseFuture;
pub use layer::ConcurrencyLimitLayer;
pub use martello_outcome::{CallError, ConfigError, ErrorKind, RequestHead};
pub use service::ConcurrencyLimit;
pub use usage::Usage;
