#![doc = include_str!("../README.md")]

mod body;
mod builder;
mod error_text;
mod event;
mod excerpt;
mod fields;
mod future;
mod layer;
mod masked_value;
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
pub use masked_value::MaskedValue;
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use redaction::Redaction;
pub use service::Log;
pub use url::MaskedUrl;
