use tokio::sync::watch;

/// Stops a [`Poller`](crate::Poller) from elsewhere. A clone stops the same one.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Has the poller give up what it waits for, save what was acknowledged, release the checkpoint, and end.
    /// A batch that the user works on is not taken away.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn stopped(&self) {
        // The sender is on_page, so that this cannot fail.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}
