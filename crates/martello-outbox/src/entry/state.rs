use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::InvalidEntry;

macro_rules! words {
    ($(#[$docs:meta])* $name:ident, $field:literal, $expected:literal { $($(#[$variant_docs:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_docs])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word for it, as it is stored and written.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidEntry;

            fn from_str(text: &str) -> Result<Self, InvalidEntry> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(InvalidEntry::new($field, $expected)),
                }
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The state of an entry. `ready` and `leased` are [pending](State::is_pending). [`Store`](crate::Store)
    /// lists the transitions.
    ///
    /// ```
    /// use martello_outbox::State;
    ///
    /// assert_eq!("dead".parse::<State>()?, State::Dead);
    /// assert!(!State::Dead.is_pending());
    /// # Ok::<(), martello_outbox::InvalidEntry>(())
    /// ```
    State, "state", "ready, leased, done, dead or cancelled" {
        /// It waits until it is due, is the head of its key, and a worker claims it.
        Ready = "ready",
        /// A worker has claimed it.
        Leased = "leased",
        /// It was delivered.
        Done = "done",
        /// It is a dead letter.
        Dead = "dead",
        /// It was cancelled by hand, or superseded by a newer entry of its key.
        Cancelled = "cancelled",
    }
}

words! {
    /// Why an entry became a dead letter.
    Reason, "reason", "exhausted, rejected, expired, ambiguous, crashed or by_hand" {
        /// It has no attempts left.
        Exhausted = "exhausted",
        /// The server rejected it, or the client rejected it and sent nothing.
        Rejected = "rejected",
        /// It expired.
        Expired = "expired",
        /// The server may have processed it, and it must not be sent twice.
        Ambiguous = "ambiguous",
        /// Its workers stopped during each of its attempts.
        Crashed = "crashed",
        /// It was dead-lettered by hand.
        ByHand = "by_hand",
    }
}

impl State {
    /// Whether a worker still has to deliver the entry: it is ready or leased.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Ready | Self::Leased)
    }
}
