//! The server side: propagates the ids of outbound calls to the caller.

mod future;
mod layer;
mod service;

pub use future::PropagateTrackingIdFuture;
pub use layer::PropagateTrackingIdLayer;
pub use service::PropagateTrackingId;
