use std::{fmt, str::FromStr};

/// How one attempt ended.
///
/// | outcome | what | sent again inline |
/// |---|---|---|
/// | [`Success`](Self::Success) | 1xx to 3xx | no |
/// | [`Unavailable`](Self::Unavailable) | 503 and 504, or the list of the user's [`Classifier`](crate::Classifier) | if repeatable |
/// | [`Faulty`](Self::Faulty) | other 5xx, 408, 425, 429, 401, 407 | not by default |
/// | [`Rejected`](Self::Rejected) | other 4xx, 501, 505 | never |
/// | [`Unsent`](Self::Unsent) | a fault that provably came before the request reached the server | unless it [never can be](crate::ErrorKind::Unsendable) |
/// | [`Ambiguous`](Self::Ambiguous) | a fault after it may have, also a timeout | if repeatable |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The server did what it was asked to, or says where to look: 1xx to 3xx.
    Success,
    /// The server, or a proxy before it, says that it cannot serve right now.
    Unavailable,
    /// The server failed, or refuses for a reason that may pass: credentials, rate, timeouts.
    Faulty,
    /// The server understood and will not: the same request would get the same answer.
    Rejected,
    /// The request never reached the server.
    Unsent,
    /// Nobody knows whether the server processed the request.
    Ambiguous,
}

impl Outcome {
    /// All of them.
    pub const ALL: &[Self] =
        &[Self::Success, Self::Unavailable, Self::Faulty, Self::Rejected, Self::Unsent, Self::Ambiguous];

    /// The outcome's name in lower case, as logs and metrics write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Unavailable => "unavailable",
            Self::Faulty => "faulty",
            Self::Rejected => "rejected",
            Self::Unsent => "unsent",
            Self::Ambiguous => "ambiguous",
        }
    }

    /// Whether this is [`Outcome::Success`].
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Success)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no [`Outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an outcome is success, unavailable, faulty, rejected, unsent or ambiguous")]
#[non_exhaustive]
pub struct UnknownOutcome;

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == word).ok_or(UnknownOutcome)
    }
}
