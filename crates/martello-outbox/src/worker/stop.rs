use std::future::pending;

use tokio::sync::watch;

/// What the worker has its deliveries do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StopLevel {
    /// Go on.
    Continue,
    /// End if the request is not on the wire yet.
    StopIfUnsent,
    /// End, whatever is on the wire.
    StopNow,
}

/// A delivery's view of what the worker has it do.
pub(super) struct StopSignal(watch::Receiver<StopLevel>);

impl StopSignal {
    pub(super) fn new(receiver: watch::Receiver<StopLevel>) -> Self {
        Self(receiver)
    }

    /// Waits until the worker asks for at least this.
    pub(super) async fn at_least(&mut self, level: StopLevel) {
        if self.0.wait_for(|now| *now >= level).await.is_err() {
            // The worker was dropped, which aborts its deliveries.
            pending::<()>().await;
        }
    }
}
