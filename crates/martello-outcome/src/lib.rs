//! # martello-outcome
//!
//! The words that the layers of Martello share, so that no layer has to import another to read them:
//!
//! - [`Outcome`]: how one attempt ended. One [`Classifier`] decides it for every part.
//! - [`Repeatable`]: whether a request may be sent a second time when the first may have been processed.
//! - [`RetryAfter`]: what the server says about when to come back.
//! - [`Attempts`]: what a call went through. It stands in the extensions of a response that did not succeed
//!   at once, and in every [`CallError`].
//! - [`CallError`]: the one error of every layer.
//! - [`TrackingId`] and [`CallerId`]: the server's name for an attempt, and the caller's own for a call.
//! - [`CallOptions`]: what one request asks of the layers it passes.
//!
//! ```
//! use http::{Method, StatusCode};
//! use martello_outcome::{Classifier, Outcome, Repeatable, RequestHead};
//!
//! let outcome = Classifier::default().status(StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(outcome, Outcome::Unavailable);
//!
//! let request = http::Request::put("https://api.example/orders/1").body(())?;
//! assert!(Repeatable::default().allows(RequestHead::from(&request)));
//! # Ok::<(), http::Error>(())
//! ```
//!
//! ## Features
//!
//! Each makes [`Classifier::error`] recognise the errors of one crate; none changes anything else.
//!
//! | feature | recognises |
//! |---|---|
//! | `hyper` | a request that hyper handed back unsent, a request body that failed |
//! | `hyper-util` | a connection that the legacy client could not make (and all of `hyper`) |
//! | `h2` | `REFUSED_STREAM`, and `GOAWAY` beyond the last stream that the server took |

mod attempts;
mod call_options;
mod classifier;
mod config_error;
mod error;
mod fault;
mod head;
mod id;
mod notes;
mod outcome;
mod queued;
mod repeatable;
mod retry_after;

pub use attempts::{Attempt, AttemptNumber, Attempts};
pub use call_options::CallOptions;
pub use classifier::Classifier;
pub use config_error::ConfigError;
pub use error::{BoxError, CallError, ErrorKind};
pub use head::RequestHead;
pub use id::{CallerId, InvalidId, TrackingId};
pub use notes::CallNotes;
pub use outcome::Outcome;
pub use queued::Queued;
pub use repeatable::Repeatable;
pub use retry_after::RetryAfter;
