use martello_limit::ConcurrencyLimitLayer;
use martello_log::LogLayer;
use martello_retry::RetryLayer;
use martello_tracking::TrackingLayer;
use tower_layer::Layer;

use super::Stacked;

/// The layer that [`Stack`](crate::Stack) builds. Clones share the permits and the budget, also over
/// different clients.
///
/// ```
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use martello::{Body, Stack, StackLayer, Stacked};
/// use tower::Layer;
///
/// let layer: StackLayer = Stack::new().build()?;
/// let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
/// let orders: Stacked<_> = layer.layer(http);
/// # drop(orders);
/// # Ok::<(), martello::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StackLayer {
    pub(super) calls: LogLayer,
    pub(super) retry: RetryLayer,
    pub(super) limit: ConcurrencyLimitLayer,
    pub(super) attempts: LogLayer,
    pub(super) tracking: TrackingLayer,
}

impl StackLayer {
    /// Returns the limit, for example to read how many permits are in use.
    #[must_use]
    pub fn limit(&self) -> &ConcurrencyLimitLayer {
        &self.limit
    }

    /// Returns the retry layer, for example to read its budget.
    #[must_use]
    pub fn retry(&self) -> &RetryLayer {
        &self.retry
    }
}

impl<C> Layer<C> for StackLayer {
    type Service = Stacked<C>;

    fn layer(&self, client: C) -> Stacked<C> {
        let attempts = self.attempts.layer(self.tracking.layer(client));
        Stacked(self.calls.layer(self.retry.layer(self.limit.layer(attempts))))
    }
}
