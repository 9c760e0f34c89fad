#![doc = include_str!("../README.md")]

mod body;
mod builder;
mod cause;
mod event;
mod excerpt;
mod fields;
mod future;
mod headers;
mod layer;
mod line;
#[cfg(feature = "metrics")]
mod metrics;
mod record;
mod redaction;
mod service;
mod settings;
mod url;

pub use body::LogBody;
pub use builder::LogBuilder;
pub use future::ResponseFuture;
pub use layer::LogLayer;
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use redaction::{MaskedValue, Redaction};
pub use service::Log;
pub use url::MaskedUrl;
