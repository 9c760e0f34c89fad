//! # martello-body
//!
//! Bodies that a layer can send twice, hold something for, or get rid of politely:
//!
//! - [`Body`]: bytes, or a stream that is recorded while it is first sent.
//! - [`TryCopy`]: a second body that yields what the first one does. [`Body`] has it, and so have the cheap
//!   bodies of http-body-util.
//! - [`Guarded`]: holds a value until the body has ended, and not a frame longer.
//! - [`IdleTimeout`]: fails a body that stands still.
//! - [`Collect`] and [`Drain`]: read a body to its end, within bounds of bytes and time.
//!
//! ```
//! use martello_body::{Body, TryCopy};
//!
//! let body = Body::from(r#"{"id":"1"}"#);
//! let again = body.try_copy(64 * 1024);
//! assert!(again.is_some());
//! ```

mod body;
mod collect;
mod drain;
mod error;
mod guarded;
mod idle_timeout;
mod recorded;
mod try_copy;

pub use body::Body;
pub use collect::{Collect, Whole};
pub use drain::{Drain, draining};
pub use error::{BodyError, BodyErrorKind};
pub use guarded::Guarded;
pub use idle_timeout::IdleTimeout;
pub use try_copy::TryCopy;
