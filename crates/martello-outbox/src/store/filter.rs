use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Entry, EntryId, InvalidEntry, JobId, OrderKey, QueueName, Reason, State};

/// Selects the entries that meet every condition that is set. Without a condition, it selects all.
///
/// ```
/// use martello_outbox::{Filter, State};
///
/// let filter = Filter { host: Some("api.example".into()), status: Some(422), ..Filter::state(State::Dead) };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// With this id.
    pub id: Option<EntryId>,
    /// In this queue.
    pub queue: Option<QueueName>,
    /// In this state.
    pub state: Option<State>,
    /// That are dead letters, or were last, for this reason.
    pub reason: Option<Reason>,
    /// To this host in its last revision, compared without regard to case.
    pub host: Option<String>,
    /// Whose last attempt was answered with this status.
    pub status: Option<u16>,
    /// Whose last attempt had this outcome. An unknown word selects nothing.
    pub outcome: Option<String>,
    /// One of whose attempts has this tracking id.
    pub tracking_id: Option<String>,
    /// Of this key.
    pub order_key: Option<OrderKey>,
    /// Last replayed by this job.
    pub job: Option<JobId>,
    /// In its state since this moment, or later.
    pub changed_since: Option<Timestamp>,
    /// In its state since before this moment.
    pub changed_before: Option<Timestamp>,
}

impl Filter {
    /// All entries in this state.
    #[must_use]
    pub fn state(state: State) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    /// Whether no condition is set but that on the state.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self { state: self.state, ..Self::default() }
    }
}

/// A position in a list, from the previous [`Page`]. Only the store that returned it can read its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub i64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Cursor {
    type Err = InvalidEntry;

    fn from_str(text: &str) -> Result<Self, InvalidEntry> {
        text.parse().map(Self).map_err(|_| InvalidEntry::new("cursor", "the cursor of a listed page"))
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The entries, the newest first.
    pub entries: Vec<Entry>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
}

/// The dead letters to delete.
#[derive(Clone, Debug, PartialEq)]
pub enum Purge {
    /// Those that pass this filter, whose state is taken to be dead.
    Matching(Filter),
    /// All.
    All,
}

impl Purge {
    /// A purge of the dead letters that a filter selects.
    ///
    /// # Errors
    ///
    /// When the filter has no condition other than the state: it would delete every dead letter.
    pub fn matching(filter: Filter) -> Result<Self, InvalidEntry> {
        if filter.is_open() {
            return Err(InvalidEntry::new(
                "filter of a purge",
                "non-empty (to delete all dead letters, use `Purge::All`)",
            ));
        }
        Ok(Self::Matching(Filter { state: Some(State::Dead), ..filter }))
    }
}
