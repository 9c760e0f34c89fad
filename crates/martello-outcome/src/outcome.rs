use std::{fmt, str::FromStr};

/// How one attempt ended.
///
/// | outcome | when | retried |
/// |---|---|---|
/// | [`Success`](Self::Success) | 1xx to 3xx | no |
/// | [`Unavailable`](Self::Unavailable) | 503 and 504, or the list of the user's [`Classifier`](crate::Classifier) | if repeatable |
/// | [`Faulty`](Self::Faulty) | other 5xx, 408, 425, 429, 401, 407 | not by default |
/// | [`Rejected`](Self::Rejected) | other 4xx, 501, 505 | never |
/// | [`Unsent`](Self::Unsent) | a fault that provably occurred before the request reached the server | unless the client [refuses it](crate::ErrorKind::Unsendable) |
/// | [`Ambiguous`](Self::Ambiguous) | a fault after the request may have reached the server, or a timeout | if repeatable |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The server processed the request or redirects it: 1xx to 3xx.
    Success,
    /// The server, or a proxy in front of it, cannot serve right now.
    Unavailable,
    /// The server failed, or refused for a reason that may pass: credentials, rate, timeouts.
    Faulty,
    /// The server refused the request: the same request would get the same answer.
    Rejected,
    /// The request never reached the server.
    Unsent,
    /// It is unknown whether the server processed the request.
    Ambiguous,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: &[Self] =
        &[Self::Success, Self::Unavailable, Self::Faulty, Self::Rejected, Self::Unsent, Self::Ambiguous];

    /// The name of the outcome in lower case, as in logs and metrics. `FromStr` reads it.
    ///
    /// ```
    /// use martello_outcome::Outcome;
    ///
    /// assert_eq!(Outcome::Ambiguous.as_str(), "ambiguous");
    /// assert_eq!("ambiguous".parse(), Ok(Outcome::Ambiguous));
    /// ```
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

/// The error for a word that is not the name of an [`Outcome`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown outcome: expected success, unavailable, faulty, rejected, unsent or ambiguous")]
#[non_exhaustive]
pub struct UnknownOutcome;

impl FromStr for Outcome {
    type Err = UnknownOutcome;

    fn from_str(word: &str) -> Result<Self, UnknownOutcome> {
        Self::ALL.iter().copied().find(|outcome| outcome.as_str() == word).ok_or(UnknownOutcome)
    }
}
