use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::{State, store::Watch};

/// What a transaction may have changed, for those who [watch](crate::Store::watch) a store.
///
/// ```
/// use martello_outbox::{State, engine::Changes};
///
/// let delivered = Changes::between(Some(State::Leased), State::Done);
/// assert_eq!(delivered, Changes { ready: true, ended: true });
/// let claimed = Changes::between(Some(State::Ready), State::Leased);
/// assert!(claimed.is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// An entry may have become claimable.
    pub ready: bool,
    /// An entry may have ended: done, dead or cancelled.
    pub ended: bool,
}

impl Changes {
    /// Anything may have changed.
    pub const ALL: Self = Self { ready: true, ended: true };
    /// An entry may have become claimable, and none has ended.
    pub const READY: Self = Self { ready: true, ended: false };

    /// The changes when an entry moves from one state to another; from `None` when it is new.
    #[must_use]
    pub fn between(from: Option<State>, to: State) -> Self {
        // When an entry leaves ready or leased, the next of its key, or one more under the cap, may be
        // claimable.
        let ready = to != State::Leased && (to == State::Ready || from.is_some_and(State::is_pending));
        Self { ready, ended: !to.is_pending() }
    }

    /// Adds the changes of another entry or transaction.
    pub fn merge(&mut self, other: Self) {
        self.ready |= other.ready;
        self.ended |= other.ended;
    }

    /// Whether nothing changed that anyone can watch for.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// The watch channels of a store, one for each [`Watch`]. A clone shares the channels.
///
/// ```
/// use martello_outbox::{engine::{Changes, Notifier}, store::Watch};
///
/// let notifier = Notifier::default();
/// let mut ended = notifier.subscribe(Watch::Ended);
/// notifier.notify(Changes::READY);
/// assert!(!ended.has_changed().unwrap());
/// notifier.notify(Changes::ALL);
/// assert!(ended.has_changed().unwrap());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Notifier {
    channels: Arc<Channels>,
}

#[derive(Debug, Default)]
struct Channels {
    ready: watch::Sender<u64>,
    ended: watch::Sender<u64>,
    subscribed: Notify,
}

impl Notifier {
    /// A receiver whose value changes at every [`Notifier::notify`] of this kind.
    #[must_use]
    pub fn subscribe(&self, what: Watch) -> watch::Receiver<u64> {
        let receiver = match what {
            Watch::Ready => self.channels.ready.subscribe(),
            Watch::Ended => self.channels.ended.subscribe(),
        };
        self.channels.subscribed.notify_waiters();
        receiver
    }

    /// Wakes the subscribers of what changed. It does not block.
    pub fn notify(&self, changes: Changes) {
        let channels = [(changes.ready, &self.channels.ready), (changes.ended, &self.channels.ended)];
        for (_, channel) in channels.iter().filter(|(changed, _)| *changed) {
            channel.send_modify(|version| *version = version.wrapping_add(1));
        }
    }

    /// Whether there is a subscriber.
    #[must_use]
    pub fn has_subscribers(&self) -> bool {
        self.channels.ready.receiver_count() + self.channels.ended.receiver_count() > 0
    }

    /// Waits until there is a subscriber. Dropping the future has no effect.
    pub async fn subscribed(&self) {
        loop {
            let subscribed = self.channels.subscribed.notified();
            tokio::pin!(subscribed);
            // From here on no subscription is missed.
            subscribed.as_mut().enable();
            if self.has_subscribers() {
                return;
            }
            subscribed.await;
        }
    }
}
