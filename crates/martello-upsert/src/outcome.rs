use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What became of one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpsertOutcome {
    /// The server had no such entity, and has it now: 201.
    Created,
    /// The server has the entity as it was sent: any other success. A 204 does not say whether it was there before.
    Updated,
    /// The server has the entity as it was sent, and had it before: 304, or a success whose `ETag` is the one that the
    /// request's `If-Match` named.
    Unchanged,
    /// Somebody else has changed the entity: 409 or 412.
    Conflict,
    /// The server will not have it: any other 4xx, 501, 505, or a redirect. Or no request could be made of
    /// it, or none that the client sends.
    Rejected,
    /// It could not be written for now, and retries ended before the trouble did.
    Exhausted,
    /// Nobody knows whether it was written.
    Ambiguous,
    /// It is in the outbox, to be delivered by a worker.
    Deferred,
    /// It was not sent, because a newer state of the same entity took its place.
    Superseded,
    /// It was not sent, because the run was stopped, or because an older one of its key has failed and has to
    /// be sent first.
    NotAttempted,
}

impl UpsertOutcome {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Created,
        Self::Updated,
        Self::Unchanged,
        Self::Conflict,
        Self::Rejected,
        Self::Exhausted,
        Self::Ambiguous,
        Self::Deferred,
        Self::Superseded,
        Self::NotAttempted,
    ];

    /// The outcome's name in lower case with underscores, as records are written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
            Self::Exhausted => "exhausted",
            Self::Ambiguous => "ambiguous",
            Self::Deferred => "deferred",
            Self::Superseded => "superseded",
            Self::NotAttempted => "not_attempted",
        }
    }

    /// Whether the server has the entity as it was sent: created, updated or unchanged.
    #[must_use]
    pub const fn is_written(self) -> bool {
        matches!(self, Self::Created | Self::Updated | Self::Unchanged)
    }

    /// Whether another run with the journal sends it again.
    pub(crate) const fn is_sent_again(self) -> bool {
        matches!(self, Self::Exhausted | Self::Ambiguous | Self::NotAttempted)
    }

    /// Whether it is written, or will be: to send an older one after it would undo it.
    pub(crate) const fn takes_place(self) -> bool {
        self.is_written() || matches!(self, Self::Deferred)
    }

    /// Whether somebody has to do something about it: conflict, rejected, exhausted or ambiguous.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Conflict | Self::Rejected | Self::Exhausted | Self::Ambiguous)
    }
}

impl fmt::Display for UpsertOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no [`UpsertOutcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an outcome is created, updated, unchanged, conflict, rejected, exhausted, ambiguous, deferred, superseded or not_attempted"
)]
#[non_exhaustive]
pub struct UnknownUpsertOutcome;

impl FromStr for UpsertOutcome {
    type Err = UnknownUpsertOutcome;

    fn from_str(word: &str) -> Result<Self, UnknownUpsertOutcome> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == word).ok_or(UnknownUpsertOutcome)
    }
}
