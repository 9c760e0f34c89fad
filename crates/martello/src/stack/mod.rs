//! The four layers, composed as one type.

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

/// The order of the layers. The record of the call is outermost. Retry is outside the limit, so that a call
/// holds no permit between attempts, except while the body of a failed response is drained. The record of an
/// attempt is inside the limit, so that the time in the queue is not counted as the server's time. Tracking
/// is innermost, so that all outer layers see the id.
type Inner<C> = Log<Retry<ConcurrencyLimit<Log<Tracking<C>>>>>;
