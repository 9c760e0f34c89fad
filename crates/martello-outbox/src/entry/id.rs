use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::InvalidEntry;

/// A UUID of version 7 with the name of what it identifies.
macro_rules! id {
    ($(#[$docs:meta])* $name:ident, $what:literal) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, from this machine's clock and its source of randomness.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The sixteen bytes of the id, as an engine stores them.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id with these bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidEntry;

            fn from_str(text: &str) -> Result<Self, InvalidEntry> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidEntry::new($what, "a UUID"))
            }
        }
    };
}

id! {
    /// The id of an entry: a UUID of version 7 (RFC 9562 §5.7). Ids sort by the time at which they were created.
    EntryId, "id"
}

id! {
    /// The id of a replay job: a UUID of version 7 (RFC 9562 §5.7).
    JobId, "job"
}
