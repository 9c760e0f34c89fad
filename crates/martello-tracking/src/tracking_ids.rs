use std::{
    cmp::Reverse,
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::Extensions;
use martello_outcome::TrackingId;

/// The ids of all attempts of a call, or of several calls, whatever became of them.
///
/// Put one into a request's extensions and keep a clone, which shares it. Each response that a
/// [`TrackingLayer`](crate::TrackingLayer) sees adds its ids while the call is still under way, so they are there
/// when the call ends in an error, and when it is dropped. An attempt that had no response adds none.
///
/// Entries stand in the order in which their attempts began, even if an answer comes late. The latest
/// [`TrackingIds::MAX`] are kept.
///
/// ```
/// use martello_tracking::TrackingIds;
///
/// let tracking_ids = TrackingIds::default();
/// let mut request = http::Request::put("https://api.example/orders/1").body(())?;
/// request.extensions_mut().insert(tracking_ids.clone());
/// // ... and when the call is over, however it ended:
/// assert!(tracking_ids.ids().is_empty());
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct TrackingIds(Arc<Mutex<Entries>>);

/// One id of a [`TrackingIds`], and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptTrackingId {
    /// The attempt's place in its call, counted from 1.
    pub attempt: u32,
    /// An id on its response. The first of an attempt is the answering server's own; others were handed on.
    pub id: TrackingId,
}

#[derive(Default)]
struct Entries {
    /// How many attempts have begun.
    started: u64,
    /// The entries, each with how many attempts had begun before its own.
    kept: VecDeque<(u64, AttemptTrackingId)>,
    dropped: u64,
}

impl TrackingIds {
    /// The most entries that are kept. Of more, those of the oldest attempts go, and [`TrackingIds::dropped`] counts
    /// them.
    pub const MAX: usize = 64;

    /// The tracking_ids in these extensions of a request.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The ids in order of the attempts, those of one response in the order of its lines.
    #[must_use]
    pub fn ids(&self) -> Vec<TrackingId> {
        self.lock().kept.iter().map(|(_, entry)| entry.id).collect()
    }

    /// The ids in the order of [`TrackingIds::ids`], each with the number of its attempt.
    #[must_use]
    pub fn entries(&self) -> Vec<AttemptTrackingId> {
        self.lock().kept.iter().map(|(_, entry)| *entry).collect()
    }

    /// The server's id of the newest attempt that had one: not of the latest to answer, and not one that the
    /// server handed on.
    #[must_use]
    pub fn last(&self) -> Option<TrackingId> {
        let entries = self.lock();
        let (newest, _) = entries.kept.back()?;
        let own = entries.kept.iter().find(|(start, _)| start == newest);
        own.map(|(_, entry)| entry.id)
    }

    /// How many entries went because there were more than [`TrackingIds::MAX`].
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// The ids of the newest attempt, then those of the one before it, and so on.
    pub(crate) fn newest_first(&self) -> Vec<TrackingId> {
        let mut entries: Vec<_> = self.lock().kept.iter().copied().collect();
        // Stable: the ids of one attempt stay in their order.
        entries.sort_by_key(|(start, _)| Reverse(*start));
        entries.into_iter().map(|(_, entry)| entry.id).collect()
    }

    /// Takes a place for an attempt that begins now.
    pub(crate) fn start(&self, attempt: u32) -> StartedAttempt {
        let mut entries = self.lock();
        let start = entries.started;
        entries.started = start.saturating_add(1);
        drop(entries);
        StartedAttempt { tracking_ids: self.clone(), start, attempt }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TrackingIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrackingIds")
            .field("entries", &self.entries())
            .field("dropped", &self.dropped())
            .finish()
    }
}

/// An attempt's place in a [`TrackingIds`].
///
/// Taken when the attempt begins, because the order of answers says nothing: an attempt that was given up on may
/// still answer after the next one did.
#[derive(Debug)]
pub(crate) struct StartedAttempt {
    tracking_ids: TrackingIds,
    start: u64,
    attempt: u32,
}

impl StartedAttempt {
    pub(crate) fn record(&self, ids: impl Iterator<Item = TrackingId>) {
        let attempt = self.attempt;
        // Read before the lock is taken: reading may write an event, and a subscriber is the user's code.
        let new: Vec<_> = ids.map(|id| (self.start, AttemptTrackingId { attempt, id })).collect();
        let mut entries = self.tracking_ids.lock();
        let place = entries.kept.partition_point(|(start, _)| *start <= self.start);
        for entry in new.into_iter().rev() {
            entries.kept.insert(place, entry);
        }
        while entries.kept.len() > TrackingIds::MAX {
            entries.kept.pop_front();
            entries.dropped = entries.dropped.saturating_add(1);
        }
    }
}
