//! The four layers in their order, as one type.

mod body;
mod builder;
mod future;
mod layer;
mod service;

pub use self::{
    body::ResponseBody, builder::Stack, future::StackFuture, layer::StackLayer, service::Stacked,
};

use martello_limit::ConcurrencyLimit;
use martello_log::Log;
use martello_retry::Retry;
use martello_tracking::Tracking;

/// The order: calls are recorded outside; retry is outside the limit, so that no permit is held between attempts;
/// attempts are recorded inside the limit, so that waiting for a permit is not counted as the server's time;
/// tracking is innermost, so that everyone outside sees the id.
type Inner<C> = Log<Retry<ConcurrencyLimit<Log<Tracking<C>>>>>;
