use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use martello_outcome::{ConfigError, mask_urls};

/// Replaces a secret.
pub(crate) const MASK: &str = "***";

/// Headers that carry credentials by their standard or by convention.
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

/// A header whose name is one of these, or ends in one after a hyphen or an underscore, counts as a
/// credential. `key` alone is not in the list, because of `idempotency-key` and `x-partition-key`.
const SECRET_WORDS: [&str; 23] = [
    "access-key",
    "api-key",
    "api_key",
    "apikey",
    "auth-key",
    "authorization",
    "credential",
    "credentials",
    "dd-application-key",
    "encryption-customer-key",
    "encryption-key",
    "jwt",
    "jwt-assertion",
    "passwd",
    "password",
    "private-key",
    "rapidapi-key",
    "secret",
    "secret-key",
    "signature",
    "signature-256",
    "subscription-key",
    "token",
];

/// Decides what is secret and must not be written to logs and stores.
///
/// Secret are headers that carry credentials, every value that [`HeaderValue::is_sensitive`], the userinfo of
/// a URL, and the values of all query parameters except those that are shown by name. Paths are not secret:
/// keep tokens out of them.
///
/// Headers are secret by a list of names (`authorization`, `cookie`, …), and by the endings of their names:
/// `token`, `secret`, `signature` (also `signature-256`), `password`, `passwd`, `credential`, `credentials`,
/// `authorization`, `jwt`, `jwt-assertion`, `api-key` (also `api_key` and `apikey`), or `-key` after
/// `access`, `auth`, `encryption`, `encryption-customer`, `private`, `secret`, `subscription`,
/// `dd-application` or `rapidapi`. [`hide_header`](Self::hide_header) and [`hide_ending`](Self::hide_ending)
/// add to that. [`show_header`](Self::show_header) excludes a header that has such an ending but is not
/// secret.
///
/// An outbox does not store secrets either. Secrets do not count when upsert runs, their targets, or poll
/// sources are compared.
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
    endings: Vec<Box<str>>,
    shown_headers: Vec<HeaderName>,
    shown: Vec<Box<str>>,
}

impl Redaction {
    /// Hides this header too.
    ///
    /// # Errors
    ///
    /// If the name is invalid (RFC 9110 §5.1).
    pub fn hide_header(mut self, name: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.hidden.push(header_name("hide_headers", name.as_ref())?);
        Ok(self)
    }

    /// Hides every header whose name has this ending, such as `-key`.
    ///
    /// ```
    /// use http::HeaderName;
    /// use martello_log::Redaction;
    ///
    /// let redaction = Redaction::default().hide_ending("-key")?.show_header("x-continuation-token")?;
    /// assert!(redaction.hides(&HeaderName::from_static("x-partition-key")));
    /// assert!(!redaction.hides(&HeaderName::from_static("x-continuation-token")));
    /// # Ok::<(), martello_log::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If no valid name has this ending (RFC 9110 §5.1).
    pub fn hide_ending(mut self, ending: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.endings.push(header_name("hide_ending", ending.as_ref())?.as_str().into());
        Ok(self)
    }

    /// Shows a header that has the ending of a secret but is not one, such as `x-continuation-token`. An
    /// outbox then stores it.
    ///
    /// # Errors
    ///
    /// If the name is invalid (RFC 9110 §5.1), or is in the list of headers that carry credentials.
    pub fn show_header(mut self, name: impl AsRef<str>) -> Result<Self, ConfigError> {
        let name = header_name("show_header", name.as_ref())?;
        if SENSITIVE.contains(&name.as_str()) {
            return Err(ConfigError::new(
                "show_header",
                name,
                "the name of a header that carries no credentials",
            ));
        }
        self.shown_headers.push(name);
        Ok(self)
    }

    /// Shows the value of this query parameter. The name is compared as it is in the URL: case and escapes
    /// count.
    #[must_use]
    pub fn show_query(mut self, name: impl AsRef<str>) -> Self {
        self.shown.push(name.as_ref().into());
        self
    }

    /// Whether the values of this header are secret.
    #[must_use]
    pub fn hides(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        if SENSITIVE.contains(&text) || self.hidden.contains(name) {
            return true;
        }
        let ends_like_a_secret =
            is_called_a_secret(text) || self.endings.iter().any(|ending| text.ends_with(&**ending));
        ends_like_a_secret && !self.shown_headers.contains(name)
    }

    /// Whether this header value is secret: by its name, or because it is marked as sensitive.
    #[must_use]
    pub fn hides_value(&self, name: &HeaderName, value: &HeaderValue) -> bool {
        value.is_sensitive() || self.hides(name)
    }

    /// Masks the secrets in the URLs of a text, as by [`mask_urls`], except the query parameters that are
    /// shown.
    ///
    /// ```
    /// use martello_log::Redaction;
    ///
    /// let redaction = Redaction::default().show_query("limit");
    /// let text = redaction.text("GET /orders?limit=5&key=abc failed");
    /// assert_eq!(text, "GET /orders?limit=5&key=*** failed");
    /// ```
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        mask_urls(text, |name| self.shows_query(name))
    }

    pub(crate) fn shows_query(&self, name: &str) -> bool {
        self.shown.iter().any(|shown| **shown == *name)
    }
}

fn is_called_a_secret(name: &str) -> bool {
    SECRET_WORDS.iter().any(|word| {
        name.strip_suffix(word).is_some_and(|before| before.is_empty() || before.ends_with(['-', '_']))
    })
}

pub(crate) fn header_name(field: &'static str, name: &str) -> Result<HeaderName, ConfigError> {
    let refused =
        |_| ConfigError::new(field, format_args!("{name:?}"), "a valid header name (RFC 9110 §5.1)");
    HeaderName::from_bytes(name.as_bytes()).map_err(refused)
}
