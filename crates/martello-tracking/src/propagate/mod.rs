//! The server's side: ids of outbound calls go back to whoever called us.

mod future;
mod layer;
mod service;

pub use future::PropagateTrackingIdFuture;
pub use layer::PropagateTrackingIdLayer;
pub use service::PropagateTrackingId;
