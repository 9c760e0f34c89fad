#![doc = include_str!("../README.md")]

mod body;
mod collect;
mod drain;
mod error;
mod guarded;
mod idle_timeout;
mod recorded;
mod recording;
mod try_copy;

pub use body::Body;
pub use collect::{Collect, Whole};
pub use drain::{Drain, draining};
pub use error::{BodyError, BodyErrorKind};
pub use guarded::Guarded;
pub use idle_timeout::IdleTimeout;
pub use try_copy::TryCopy;
