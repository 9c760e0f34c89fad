use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use martello_outcome::{ConfigError, mask_urls};

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

/// A header whose name is one of these, or ends in one after a hyphen or an underscore, carries a credential by
/// its name. `key` is none of them: `idempotency-key` and `x-partition-key` name things.
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

/// What is secret, and must not be written down where a person or a machine reads it later.
///
/// Secret are the headers that carry credentials, every value that [`HeaderValue::is_sensitive`], the userinfo of
/// a URL, and the value of every query parameter but those that are shown by name. A path is no secret: keep
/// tokens out of it.
///
/// Headers are known by a list of names (`authorization`, `cookie`, …), and by how their names end: in `token`,
/// `secret`, `signature` (also `signature-256`), `password`, `passwd`, `credential`, `credentials`,
/// `authorization`, `jwt`, `jwt-assertion`, `api-key` (also `api_key` and `apikey`), or `-key` after `access`,
/// `auth`, `encryption`, `encryption-customer`, `private`, `secret`, `subscription`, `dd-application` or
/// `rapidapi`. [`hide_header`](Self::hide_header) and
/// [`hide_ending`](Self::hide_ending) add to that; one that only ends like a secret, and is none,
/// [`show_header`](Self::show_header) takes out.
///
/// What is secret is not stored by an outbox, either, and does not tell runs of upserts, their targets and
/// sources of polls apart.
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
    /// When the name is none by RFC 9110 §5.1.
    pub fn hide_header(mut self, name: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.hidden.push(header_name("hide_headers", name.as_ref())?);
        Ok(self)
    }

    /// Hides every header whose name ends like this, such as `-key`.
    ///
    /// # Errors
    ///
    /// When no name can end like this, by RFC 9110 §5.1.
    pub fn hide_ending(mut self, ending: impl AsRef<str>) -> Result<Self, ConfigError> {
        self.endings.push(header_name("hide_ending", ending.as_ref())?.as_str().into());
        Ok(self)
    }

    /// Shows a header that ends like a secret and is none, such as `x-continuation-token`; an outbox then stores it.
    ///
    /// # Errors
    ///
    /// When the name is none by RFC 9110 §5.1, or is in the list of headers that carry credentials.
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
        let text = name.as_str();
        if SENSITIVE.contains(&text) || self.hidden.contains(name) {
            return true;
        }
        let ends_like_a_secret =
            is_called_a_secret(text) || self.endings.iter().any(|ending| text.ends_with(&**ending));
        ends_like_a_secret && !self.shown_headers.contains(name)
    }

    /// Whether this line of a header is secret: by its name, or because the value was marked as sensitive.
    #[must_use]
    pub fn hides_value(&self, name: &HeaderName, value: &HeaderValue) -> bool {
        value.is_sensitive() || self.hides(name)
    }

    /// A text with what is secret in the URLs in it masked, as [`mask_urls`] does it, but for the query
    /// parameters that are shown.
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
    let refused = |_| ConfigError::new(field, format_args!("{name:?}"), "header names by RFC 9110 §5.1");
    HeaderName::from_bytes(name.as_bytes()).map_err(refused)
}
