use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The position of a page: the cursor or the URL by which the server named it.
///
/// It is opaque text of 1 to 8,192 bytes. You can store it, compare it, and resume from it. It may contain a
/// secret, such as a signed link; `Debug` shows only its length.
///
/// ```
/// use martello_paginate::Position;
///
/// let position: Position = "page-2".parse()?;
/// assert_eq!(position.as_str(), "page-2");
/// assert_eq!(format!("{position:?}"), "Position(6 bytes)");
/// # Ok::<(), martello_paginate::InvalidPosition>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Position(Box<str>);

impl Position {
    /// The longest position, in bytes: what common servers accept in a request line.
    pub const MAX: usize = 8_192;

    /// The text of the position.
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

/// The text is empty or too long for a [`Position`].
///
/// ```
/// use martello_paginate::Position;
///
/// let error = "".parse::<Position>().unwrap_err();
/// assert_eq!(error.to_string(), "a position must have 1 to 8,192 bytes; this one has 0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a position must have 1 to 8,192 bytes; this one has {length}")]
#[non_exhaustive]
pub struct InvalidPosition {
    /// The length of the text, in bytes.
    pub length: usize,
}
