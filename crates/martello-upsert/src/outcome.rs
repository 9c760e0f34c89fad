use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The outcome of one entity.
///
/// ```
/// use martello_upsert::UpsertOutcome;
///
/// assert!(UpsertOutcome::Unchanged.is_written());
/// assert!(UpsertOutcome::Conflict.is_failure());
/// assert_eq!("not_attempted".parse(), Ok(UpsertOutcome::NotAttempted));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UpsertOutcome {
    /// The server created the entity: 201.
    Created,
    /// The server has the entity as it was sent: any other success. A 204 does not show whether it existed
    /// before.
    Updated,
    /// The server already had the entity as it was sent: 304, or a success whose `ETag` equals the request's
    /// `If-Match`.
    Unchanged,
    /// The entity was changed by another client: 409 or 412.
    Conflict,
    /// The server rejected it: any other 4xx, 501, 505, or a redirect. Or no request could be built for it,
    /// or the client refused the request.
    Rejected,
    /// It failed for now, and the stack's retries are used up.
    Exhausted,
    /// It is unknown whether it was written.
    Ambiguous,
    /// It is stored in the outbox, and a worker delivers it.
    Deferred,
    /// It was not sent, because a newer state of the same entity superseded it.
    Superseded,
    /// It was not sent, because the run was stopped, or because an older entity of its key failed and must be
    /// sent first.
    NotAttempted,
}

impl UpsertOutcome {
    /// All outcomes.
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

    /// The outcome's name in JSON: in lower case with underscores.
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

    /// Whether it is written, or will be: an older entity that is sent afterwards would undo it.
    pub(crate) const fn takes_place(self) -> bool {
        self.is_written() || matches!(self, Self::Deferred)
    }

    /// Whether the entity failed: conflict, rejected, exhausted or ambiguous.
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

/// The error of a word that is not the name of an [`UpsertOutcome`].
///
/// ```
/// use martello_upsert::UpsertOutcome;
///
/// let error = "done".parse::<UpsertOutcome>().unwrap_err();
/// assert!(error.to_string().starts_with("an outcome is created, updated"));
/// ```
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
