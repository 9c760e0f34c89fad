//! Who watches, and how they hear of it.

use std::sync::Arc;

use martello_outbox::{State, Watch};
use tokio::sync::watch;

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

    /// An entry went from one state to another.
    pub(crate) fn tell(&mut self, from: Option<State>, to: Option<State>) {
        let Some(to) = to else {
            return;
        };
        // What leaves ready or leased makes room for others of its key, or under the cap.
        self.ready |= to != State::Leased && (to == State::Ready || from.is_some_and(State::is_pending));
        self.ended |= !to.is_pending();
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.ready |= other.ready;
        self.ended |= other.ended;
    }
}

/// One channel for each kind of news. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Bells {
    ready: Arc<watch::Sender<u64>>,
    ended: Arc<watch::Sender<u64>>,
}

impl Bells {
    pub(crate) fn new() -> Self {
        let bell = || Arc::new(watch::Sender::new(0));
        Self { ready: bell(), ended: bell() }
    }

    pub(crate) fn subscribe(&self, what: Watch) -> watch::Receiver<u64> {
        match what {
            Watch::Ready => self.ready.subscribe(),
            Watch::Ended => self.ended.subscribe(),
        }
    }

    pub(crate) fn ring(&self, news: News) {
        for (rings, bell) in [(news.ready, &self.ready), (news.ended, &self.ended)] {
            if rings {
                bell.send_modify(|version| *version = version.wrapping_add(1));
            }
        }
    }

    /// Whether anybody listens.
    pub(crate) fn are_heard(&self) -> bool {
        self.ready.receiver_count() + self.ended.receiver_count() > 0
    }
}
