//! The ids of attempts and calls, checked and bounded so that they are safe to write anywhere.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use http::{Extensions, HeaderValue};

/// The longest id, in bytes.
const MAX: usize = 128;

/// The error for an invalid id: it is empty, longer than 128 bytes, or has a byte that is not visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid id: an id has 1 to 128 bytes of visible ASCII")]
#[non_exhaustive]
pub struct InvalidId;

/// Stored inline: most ids are UUIDs, for which an allocation costs more than the copy.
#[derive(Clone, Copy)]
struct Text {
    length: u8,
    bytes: [u8; MAX],
}

impl Text {
    fn parse(text: &[u8]) -> Result<Self, InvalidId> {
        let mut bytes = [0; MAX];
        bytes.get_mut(..text.len()).ok_or(InvalidId)?.copy_from_slice(text);
        // Without an early exit, so that the compiler can check sixteen bytes at once.
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
            /// If the value is empty, longer than [`Self::MAX`] or has a byte that is not visible ASCII. It
            /// is never truncated, because a part of an id may match a wrong one.
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
    /// The id that the server assigns to an attempt, for example in the header `Trackingid`.
    ///
    /// A tracking layer puts it into the extensions of each response.
    ///
    /// ```
    /// use martello_outcome::TrackingId;
    ///
    /// let mut response = http::Response::new(());
    /// response.extensions_mut().insert("5f1c-77".parse::<TrackingId>()?);
    /// assert_eq!(TrackingId::of(&response).map(TrackingId::as_str), Some("5f1c-77"));
    /// # Ok::<(), martello_outcome::InvalidId>(())
    /// ```
    TrackingId
}

id! {
    /// The caller's own id of a call. Log records contain it next to the server's.
    ///
    /// Put one into a request's extensions. A tracking layer can send it in a header.
    ///
    /// ```
    /// use martello_outcome::CallerId;
    ///
    /// let mut request = http::Request::new(());
    /// request.extensions_mut().insert("import-42".parse::<CallerId>()?);
    /// assert!(CallerId::of(request.extensions()).is_some());
    /// # Ok::<(), martello_outcome::InvalidId>(())
    /// ```
    CallerId
}

impl TrackingId {
    /// The id that a tracking layer read from this response.
    pub fn of<B>(response: &http::Response<B>) -> Option<&Self> {
        response.extensions().get()
    }
}

impl CallerId {
    /// The id in these extensions of a request.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get().copied()
    }
}
