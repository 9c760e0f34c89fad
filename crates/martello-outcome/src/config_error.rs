use std::fmt::Display;

use crate::Printable;

/// An invalid configuration value.
///
/// The message names the field, the value and what is allowed:
///
/// ```
/// let error = martello_outcome::ConfigError::new("attempts", 0, "1 to 100");
/// assert_eq!(error.to_string(), "`attempts` is 0, but must be 1 to 100");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {}, but must be {expected}", Printable::new(.value))]
pub struct ConfigError {
    field: &'static str,
    value: String,
    expected: &'static str,
}

impl ConfigError {
    /// An error about `field`, which is `value` but must be `expected`.
    #[must_use]
    pub fn new(field: &'static str, value: impl Display, expected: &'static str) -> Self {
        Self { field, value: value.to_string(), expected }
    }

    /// The name of the field.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}
