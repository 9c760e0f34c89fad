//! Names of attempts and calls, checked and bounded so that they can be written anywhere.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use http::{Extensions, HeaderValue};

/// The longest id, in bytes.
const MAX: usize = 128;

/// A text that is no id: empty, longer than 128 bytes, or with a byte that is not visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 128 bytes of visible ASCII")]
#[non_exhaustive]
pub struct InvalidId;

/// Held in place: most ids are a UUID, and an allocation for each would cost more than the bytes do.
#[derive(Clone, Copy)]
struct Text {
    length: u8,
    bytes: [u8; MAX],
}

impl Text {
    fn parse(text: &[u8]) -> Result<Self, InvalidId> {
        let mut bytes = [0; MAX];
        bytes.get_mut(..text.len()).ok_or(InvalidId)?.copy_from_slice(text);
        // To the end in any case: without an early exit the compiler takes sixteen bytes at once, which saves 190
        // instructions for a UUID.
        let visible = text.iter().fold(true, |visible, byte| visible & byte.is_ascii_graphic());
        match u8::try_from(text.len()) {
            Ok(length @ 1..) if visible => Ok(Self { length, bytes }),
            _ => Err(InvalidId),
        }
    }

    fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

macro_rules! id {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Copy)]
        pub struct $name(Text);

        impl $name {
            /// The longest id, in bytes. A UUID has 36; tracing headers of large clouds come to about 100.
            pub const MAX: usize = MAX;

            /// The id in this header value.
            ///
            /// # Errors
            ///
            /// When the value is empty, longer than [`Self::MAX`] or has a byte that is not visible ASCII. It
            /// is never cut: a part of an id finds nothing at a support desk, or the wrong thing.
            pub fn from_header(value: &HeaderValue) -> Result<Self, InvalidId> {
                Text::parse(value.as_bytes()).map(Self)
            }

            /// The id as text: visible ASCII, safe to write anywhere.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }

            /// The id as the value of a header.
            #[must_use]
            pub fn to_header(&self) -> HeaderValue {
                HeaderValue::from_str(self.as_str()).unwrap_or_else(|_| HeaderValue::from_static(""))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Text::parse(text.as_bytes()).map(Self)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    };
}

id! {
    /// The server's own name for one attempt, which its support desk asks for.
    ///
    /// A tracking layer puts it into the extensions of each response.
    TrackingId
}

id! {
    /// The caller's own name for a call, to stand beside the server's in every record.
    ///
    /// Put one into a request's extensions; a tracking layer can send it along in a header of choice.
    CallerId
}

impl TrackingId {
    /// The id that a tracking layer read from this response.
    pub fn of<B>(response: &http::Response<B>) -> Option<&Self> {
        response.extensions().get()
    }
}

impl CallerId {
    /// The id that stands in these extensions of a request.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}
