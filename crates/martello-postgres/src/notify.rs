//! Who watches, and how they hear of it.

use martello_outbox::{State, Watch};
use tokio::sync::{Notify, watch};

/// What has happened, for those who watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Something may have become claimable.
    pub(crate) ready: bool,
    /// Something may have come to an end.
    pub(crate) ended: bool,
}

impl Changes {
    pub(crate) const ALL: Self = Self { ready: true, ended: true };
    pub(crate) const READY: Self = Self { ready: true, ended: false };

    /// An entry came into this state, from ready or leased or from nothing.
    pub(crate) fn of(state: State) -> Self {
        // What leaves ready or leased makes room for others of its key, or under the cap.
        Self { ready: state != State::Leased, ended: !state.is_pending() }
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.ready |= other.ready;
        self.ended |= other.ended;
    }

    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// One channel for each kind of changes.
#[derive(Debug, Default)]
pub(crate) struct Notifier {
    ready: watch::Sender<u64>,
    ended: watch::Sender<u64>,
    subscribed: Notify,
}

impl Notifier {
    pub(crate) fn subscribe(&self, what: Watch) -> watch::Receiver<u64> {
        let receiver = match what {
            Watch::Ready => self.ready.subscribe(),
            Watch::Ended => self.ended.subscribe(),
        };
        self.subscribed.notify_waiters();
        receiver
    }

    pub(crate) fn notify(&self, changes: Changes) {
        for (rings, channel) in [(changes.ready, &self.ready), (changes.ended, &self.ended)] {
            if rings {
                channel.send_modify(|version| *version = version.wrapping_add(1));
            }
        }
    }

    /// Waits until somebody listens.
    pub(crate) async fn subscribed(&self) {
        loop {
            let subscribed = self.subscribed.notified();
            tokio::pin!(subscribed);
            // From here on no subscription is missed.
            subscribed.as_mut().enable();
            if self.ready.receiver_count() + self.ended.receiver_count() > 0 {
                return;
            }
            subscribed.await;
        }
    }
}
