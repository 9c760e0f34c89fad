#![doc = include_str!("../README.md")]

mod backoff;
mod body;
mod budget;
mod builder;
mod call;
mod clocks;
mod config;
mod copy;
mod decide;
mod future;
mod history;
mod layer;
mod policy;
mod response_head;
mod service;
mod snapshot;
mod step;

pub use body::RetryBody;
pub use budget::Budget;
pub use builder::RetryBuilder;
pub use copy::{ByTryCopy, CopyBody, CopyWith};
pub use future::ResponseFuture;
pub use layer::RetryLayer;
pub use martello_outcome::{Attempts, CallError, CallOptions, ConfigError, ErrorKind, Outcome, RequestHead};
pub use policy::{AttemptView, Decision};
pub use response_head::ResponseHead;
pub use service::Retry;
