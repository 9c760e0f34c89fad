#![doc = include_str!("../README.md")]

mod builder;
mod future;
mod gate;
mod keys;
mod layer;
mod list;
mod queue;
mod release;
mod service;
mod snapshot;
mod waiting;

pub use builder::ConcurrencyLimitBuilder;
pub use future::ResponseFuture;
pub use gate::Permit;
pub use layer::ConcurrencyLimitLayer;
pub use release::Release;
pub use service::ConcurrencyLimit;
pub use snapshot::Snapshot;

/// The body of a response, which holds the permit until it has ended. It yields what the inner body yields.
pub type LimitBody<B> = martello_body::Guarded<B, Permit>;
