#![doc = include_str!("../README.md")]

mod future;
mod hand_on;
mod layer;
mod lines;
mod service;
mod trail;

pub use future::ResponseFuture;
pub use hand_on::{HandOn, HandOnFuture, HandOnLayer};
pub use layer::{TrackingBuilder, TrackingLayer};
pub use martello_outcome::{CallerId, ConfigError, TrackingId};
pub use service::Tracking;
pub use trail::{Trail, TrailEntry};
