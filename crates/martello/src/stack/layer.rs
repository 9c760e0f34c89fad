use martello_limit::ConcurrencyLimitLayer;
use martello_log::LogLayer;
use martello_retry::RetryLayer;
use martello_tracking::TrackingLayer;
use tower_layer::Layer;

use super::Stacked;

/// The four layers in their order. Clones share permits and budget, also over different clients.
#[derive(Clone, Debug)]
pub struct StackLayer {
    pub(super) calls: LogLayer,
    pub(super) retry: RetryLayer,
    pub(super) limit: ConcurrencyLimitLayer,
    pub(super) attempts: LogLayer,
    pub(super) tracking: TrackingLayer,
}

impl StackLayer {
    /// The limit, to look at its permits.
    #[must_use]
    pub fn limit(&self) -> &ConcurrencyLimitLayer {
        &self.limit
    }

    /// The retry, to look at its budget.
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
