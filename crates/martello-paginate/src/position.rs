use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a page is: the cursor or the URL by which the server named it.
///
/// Opaque text of 1 to 8,192 bytes, to be stored, compared and resumed from. It may bear a secret, such as a signed
/// link: `Debug` tells its length only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position(Box<str>);

impl Position {
    /// The longest position, in bytes: what common servers take in a request line.
    pub const MAX: usize = 8_192;

    /// The text of it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Position {
    type Error = InvalidPosition;

    fn try_from(text: String) -> Result<Self, InvalidPosition> {
        if text.is_empty() || text.len() > Self::MAX {
            return Err(InvalidPosition { length: text.len() });
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        Self::try_from(text.to_owned())
    }
}

impl From<Position> for String {
    fn from(position: Position) -> Self {
        position.0.into()
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Position({} bytes)", self.0.len())
    }
}

/// A text that is none, or too long, for a [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position must have 1 to 8,192 bytes; this one has {length}")]
#[non_exhaustive]
pub struct InvalidPosition {
    /// How many bytes it has.
    pub length: usize,
}
