use std::{borrow::Cow, fmt};

use http::{HeaderName, HeaderValue, Uri, header};

use crate::{Redaction, quoted::Quoted, redaction::MASK};

/// Headers that contain a URL, whose query may contain a secret.
const LINKS: [HeaderName; 5] =
    [header::LOCATION, header::CONTENT_LOCATION, header::REFERER, header::LINK, header::REFRESH];

impl Redaction {
    /// The value of a header in quotes, masked, escaped, and truncated after [`MaskedValue::MAX`] bytes. If
    /// the header contains a URL, it is masked as by [`Redaction::url`]; URLs in other headers, as by
    /// [`Redaction::text`].
    ///
    /// ```
    /// use http::{HeaderValue, header};
    /// use martello_log::Redaction;
    ///
    /// let redaction = Redaction::default();
    /// let (json, token) = (HeaderValue::from_static("application/json"), HeaderValue::from_static("Bearer abc"));
    /// assert_eq!(redaction.value(&header::ACCEPT, &json).to_string(), "\"application/json\"");
    /// assert_eq!(redaction.value(&header::AUTHORIZATION, &token).to_string(), "***");
    /// ```
    #[must_use]
    pub fn value<'a>(&'a self, name: &'a HeaderName, value: &'a HeaderValue) -> MaskedValue<'a> {
        MaskedValue { name, value, redaction: self }
    }
}

/// Displays the value of a header with secrets masked: see [`Redaction::value`].
#[derive(Clone, Copy)]
pub struct MaskedValue<'a> {
    name: &'a HeaderName,
    value: &'a HeaderValue,
    redaction: &'a Redaction,
}

impl MaskedValue<'_> {
    /// The longest value that is written in full, in bytes.
    pub const MAX: usize = 256;
}

impl fmt::Display for MaskedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.redaction.hides_value(self.name, self.value) {
            return f.write_str(MASK);
        }
        if !LINKS.contains(self.name) {
            let bytes = self.value.as_bytes();
            let text = String::from_utf8_lossy(bytes);
            return match self.redaction.text(&text) {
                Cow::Owned(masked) => write_quoted(f, masked.as_bytes()),
                Cow::Borrowed(_) => write_quoted(f, bytes),
            };
        }
        match Uri::try_from(self.value.as_bytes()) {
            Ok(uri) => write_quoted(f, self.redaction.url(&uri).to_string().as_bytes()),
            Err(_) => f.write_str(MASK),
        }
    }
}

/// Shows no more than the display does.
impl fmt::Debug for MaskedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let bound = MaskedValue::MAX;
    fmt::Display::fmt(&Quoted { bytes, bound }, f)
}
