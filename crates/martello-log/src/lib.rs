#![doc = include_str!("../README.md")]

mod body;
mod builder;
mod earlier_ids;
mod error_text;
mod event;
mod excerpt;
mod future;
mod headers;
mod layer;
#[cfg(feature = "metrics")]
mod metrics;
mod pending_record;
mod quoted;
mod record;
mod redaction;
mod service;
mod settings;
mod url;

pub use body::LogBody;
pub use builder::LogBuilder;
pub use future::ResponseFuture;
pub use layer::LogLayer;
pub use martello_outcome::{CallError, CallerId, Classifier, ConfigError};
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use redaction::{MaskedValue, Redaction};
pub use service::Log;
pub use url::MaskedUrl;
