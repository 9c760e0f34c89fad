use std::{fmt, str::FromStr, sync::Arc};

use martello_outcome::Printable;
use serde::{Deserialize, Serialize};

/// A value that cannot be part of an entry. The message names the field and what is allowed, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {field} must be {expected}")]
pub struct InvalidEntry {
    field: &'static str,
    expected: &'static str,
}

impl InvalidEntry {
    /// An error about `field`, where only `expected` is allowed.
    #[must_use]
    pub const fn new(field: &'static str, expected: &'static str) -> Self {
        Self { field, expected }
    }

    /// The name of the field.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }
}

macro_rules! name {
    ($(#[$docs:meta])* $name:ident, $field:literal, $expected:literal, $allowed:expr) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            ///
            #[doc = concat!("When it is not ", $expected, ".")]
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidEntry> {
                let text = text.as_ref();
                let allowed: fn(&str) -> bool = $allowed;
                if allowed(text) { Ok(Self(text.into())) } else { Err(InvalidEntry::new($field, $expected)) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Printable::new(&self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidEntry;

            fn from_str(text: &str) -> Result<Self, InvalidEntry> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidEntry;

            fn try_from(text: String) -> Result<Self, InvalidEntry> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name! {
    /// The name of a queue: 1 to 64 ASCII letters, digits, dots, hyphens and underscores. `default` by
    /// default.
    ///
    /// A clone shares the text.
    QueueName,
    "queue name",
    "1 to 64 ASCII letters, digits, dots, hyphens or underscores",
    |text| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    }
}

name! {
    /// What orders an entry: of all entries with one key in a queue, one at a time is delivered, the oldest
    /// first. 1 to 512 bytes without control characters.
    ///
    /// A clone shares the text. Its `Display` is for people, with invisible characters escaped; for data, use
    /// [`OrderKey::as_str`].
    OrderKey,
    "order key",
    "1 to 512 bytes without control characters",
    |text| (1..=512).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl Default for QueueName {
    fn default() -> Self {
        Self("default".into())
    }
}
