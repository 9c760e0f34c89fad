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
    /// Where an entry stands: `ready → leased → done | dead | cancelled`, and back to ready from leased and dead.
    State, "state", "ready, leased, done, dead or cancelled" {
        /// It waits: for its time, for its turn within its key, or for a worker.
        Ready = "ready",
        /// A worker has it.
        Leased = "leased",
        /// It was delivered.
        Done = "done",
        /// It was given up on: a dead letter.
        Dead = "dead",
        /// Somebody called it off, or a newer entry of its key took its place.
        Cancelled = "cancelled",
    }
}

words! {
    /// Why an entry became a dead letter.
    Reason, "reason", "exhausted, rejected, expired, ambiguous, crashed or by_hand" {
        /// It has no attempts left.
        Exhausted = "exhausted",
        /// The server understood and will not; or the worker's client will not, and nothing was sent.
        Rejected = "rejected",
        /// Its time ran out.
        Expired = "expired",
        /// The server may have processed it, and it must not be sent twice.
        Ambiguous = "ambiguous",
        /// Its workers stopped while they had it, as often as it had attempts.
        Crashed = "crashed",
        /// Somebody put it aside.
        ByHand = "by_hand",
    }
}

impl State {
    /// Whether an entry in this state still goes somewhere by itself: ready or leased.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Ready | Self::Leased)
    }
}
