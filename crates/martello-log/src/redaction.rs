use std::fmt;

use http::{HeaderName, HeaderValue, Uri, header};
use martello_outcome::ConfigError;

use crate::{MaskedUrl, line::Quoted};

/// What stands in place of a secret.
pub(crate) const MASK: &str = "***";

/// Headers that carry credentials by their standard, or by wide custom.
const SENSITIVE: [&str; 23] = [
    "api-key",
    "apikey",
    "authentication-info",
    "authorization",
    "cookie",
    "cookie2",
    "ocp-apim-subscription-key",
    "private-token",
    "proxy-authentication-info",
    "proxy-authorization",
    "set-cookie",
    "set-cookie2",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-api-token",
    "x-auth-token",
    "x-csrf-token",
    "x-forwarded-authorization",
    "x-functions-key",
    "x-goog-api-key",
    "x-vault-token",
    "x-xsrf-token",
];

/// Headers that hold a URL, whose query may hold a secret.
const LINKS: [HeaderName; 5] =
    [header::LOCATION, header::CONTENT_LOCATION, header::REFERER, header::LINK, header::REFRESH];

/// What is secret, and must not be written down where a person or a machine reads it later.
///
/// Secret are the headers that carry credentials, every value that [`HeaderValue::is_sensitive`], the userinfo of
/// a URL, and the value of every query parameter but those that are shown by name. A path is no secret: keep
/// tokens out of it.
///
/// ```
/// use http::{HeaderName, Uri};
/// use martello_log::Redaction;
///
/// let redaction = Redaction::default().hide_header("x-tenant-key")?.show_query("limit");
/// assert!(redaction.hides(&HeaderName::from_static("authorization")));
/// assert!(redaction.hides(&HeaderName::from_static("x-tenant-key")));
///
/// let url = Uri::from_static("https://me:secret@api.example/plannings?limit=100&key=abc");
/// assert_eq!(redaction.url(&url).to_string(), "https://api.example/plannings?limit=100&key=***");
/// # Ok::<(), martello_log::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Redaction {
    hidden: Vec<HeaderName>,
    shown: Vec<Box<str>>,
}

impl Redaction {
    /// Hides this header too. None that is hidden by default can be shown.
    ///
    /// # Errors
    ///
    /// When the name is none by RFC 9110 §5.1.
    pub fn hide_header(mut self, name: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.hidden.push(header_name("hide_headers", name.as_ref())?);
        Ok(self)
    }

    /// Shows the value of this query parameter. The name is compared as it stands in the URL, with its case and
    /// its escapes.
    #[must_use]
    pub fn show_query(mut self, name: impl AsRef<str>) -> Self {
        self.shown.push(name.as_ref().into());
        self
    }

    /// Whether the values of a header of this name are secret.
    #[must_use]
    pub fn hides(&self, name: &HeaderName) -> bool {
        SENSITIVE.contains(&name.as_str()) || self.hidden.contains(name)
    }

    /// Whether this line of a header is secret: by its name, or because the value was marked as sensitive.
    #[must_use]
    pub fn hides_value(&self, name: &HeaderName, value: &HeaderValue) -> bool {
        value.is_sensitive() || self.hides(name)
    }

    /// The URL without userinfo, its query masked, escaped, and cut after [`MaskedUrl::MAX`] bytes.
    #[must_use]
    pub fn url<'a>(&'a self, uri: &'a Uri) -> MaskedUrl<'a> {
        MaskedUrl::new(uri, self)
    }

    /// The value of a header in quotes, masked, escaped, and cut after [`MaskedValue::MAX`] bytes. Where the
    /// header holds a URL, that is masked as [`Redaction::url`] does it.
    #[must_use]
    pub fn value<'a>(&'a self, name: &'a HeaderName, value: &'a HeaderValue) -> MaskedValue<'a> {
        MaskedValue { name, value, redaction: self }
    }

    pub(crate) fn shows_query(&self, name: &str) -> bool {
        self.shown.iter().any(|shown| **shown == *name)
    }
}

/// The value of a header as it may be written into a log: see [`Redaction::value`].
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
            return write_quoted(f, self.value.as_bytes());
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

pub(crate) fn header_name(field: &'static str, name: &str) -> Result<HeaderName, ConfigError> {
    let refused = |_| ConfigError::new(field, format_args!("{name:?}"), "header names by RFC 9110 §5.1");
    HeaderName::from_bytes(name.as_bytes()).map_err(refused)
}
