//! Who watches, and how they hear of it.

use martello_outbox::{State, Watch};
use tokio::sync::{Notify, watch};

/// What has happened, for those who watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// Something may have become claimable.
    pub(crate) ready: bool,
    /// Something may have come to an end.
    pub(crate) ended: bool,
}

impl News {
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

/// One channel for each kind of news.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    ready: watch::Sender<u64>,
    ended: watch::Sender<u64>,
    subscribed: Notify,
}

impl Bells {
    pub(crate) fn subscribe(&self, what: Watch) -> watch::Receiver<u64> {
        let receiver = match what {
            Watch::Ready => self.ready.subscribe(),
            Watch::Ended => self.ended.subscribe(),
        };
        self.subscribed.notify_waiters();
        receiver
    }

    pub(crate) fn ring(&self, news: News) {
        for (rings, bell) in [(news.ready, &self.ready), (news.ended, &self.ended)] {
            if rings {
                bell.send_modify(|version| *version = version.wrapping_add(1));
            }
        }
    }

    /// Waits until somebody listens.
    pub(crate) async fn heard(&self) {
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
