#![doc = include_str!("../README.md")]

mod future;
mod header;
mod layer;
mod propagate;
mod service;
mod tracking_ids;

pub use future::ResponseFuture;
pub use layer::{TrackingBuilder, TrackingLayer};
pub use martello_outcome::{CallerId, ConfigError, TrackingId};
pub use propagate::{PropagateTrackingId, PropagateTrackingIdFuture, PropagateTrackingIdLayer};
pub use service::Tracking;
pub use tracking_ids::{AttemptTrackingId, TrackingIds};
