//! The server's side: ids of outbound calls go back to whoever called us.

mod future;
mod layer;
mod service;

pub use future::HandOnFuture;
pub use layer::HandOnLayer;
pub use service::HandOn;
