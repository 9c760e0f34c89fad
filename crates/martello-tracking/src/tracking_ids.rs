use std::{
    cmp::Reverse,
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::Extensions;
use martello_outcome::TrackingId;

/// The tracking ids of all attempts of a call, or of several calls, including those of a call that failed.
///
/// Put one into a request's extensions and keep a clone, which shares the list. A
/// [`TrackingLayer`](crate::TrackingLayer) adds the ids of each response as soon as it arrives, so they are
/// there even if the call ends in an error or is dropped. An attempt without a response adds none.
///
/// Entries are in the order in which their attempts began, even if a response comes late. The newest
/// [`TrackingIds::MAX`] are kept.
///
/// ```
/// use martello_tracking::TrackingIds;
///
/// let tracking_ids = TrackingIds::default();
/// let mut request = http::Request::put("https://api.example/orders/1").body(())?;
/// request.extensions_mut().insert(tracking_ids.clone());
/// // ... after the call, whatever its result:
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
    /// An id on its response. The first id of an attempt is that of the answering server; it propagated the
    /// others.
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
    /// The most entries that are kept. Beyond that, entries of the oldest attempts are dropped, and
    /// [`TrackingIds::dropped`] counts them.
    pub const MAX: usize = 64;

    /// The tracking ids in these extensions of a request.
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

    /// The server's id of the newest attempt that has one: not of the latest response, and not an id that the
    /// server propagated.
    #[must_use]
    pub fn last(&self) -> Option<TrackingId> {
        let entries = self.lock();
        let (newest, _) = entries.kept.back()?;
        let own = entries.kept.iter().find(|(start, _)| start == newest);
        own.map(|(_, entry)| entry.id)
    }

    /// How many entries were dropped because there were more than [`TrackingIds::MAX`].
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

    /// Reserves a place for an attempt that begins now.
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
/// It is reserved when the attempt begins: the response of an abandoned attempt may come after that of the
/// next attempt.
#[derive(Debug)]
pub(crate) struct StartedAttempt {
    tracking_ids: TrackingIds,
    start: u64,
    attempt: u32,
}

impl StartedAttempt {
    pub(crate) fn record(&self, ids: impl Iterator<Item = TrackingId>) {
        let attempt = self.attempt;
        // Read the ids before taking the lock: reading may write an event, and a subscriber is user code.
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
