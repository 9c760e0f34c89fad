use std::{
    cmp::Reverse,
    fmt::{self, Write},
};

use http::{
    Uri,
    uri::{Authority, PathAndQuery},
};
use martello_outcome::{HostPort, strip_userinfo};

use crate::{
    Redaction,
    quoted::{self, Escaper},
    redaction::MASK,
};

/// Separates the parameters of a query; some servers accept semicolons.
const SEPARATORS: [char; 2] = ['&', ';'];

impl Redaction {
    /// The URL without userinfo, its query masked, escaped, and truncated after [`MaskedUrl::MAX`] bytes.
    ///
    /// ```
    /// use martello_log::Redaction;
    ///
    /// let uri = "https://me:secret@api.example/orders?key=abc".parse()?;
    /// assert_eq!(Redaction::default().url(&uri).to_string(), "https://api.example/orders?key=***");
    /// # Ok::<(), http::uri::InvalidUri>(())
    /// ```
    #[must_use]
    pub fn url<'a>(&'a self, uri: &'a Uri) -> MaskedUrl<'a> {
        MaskedUrl::new(uri, self)
    }
}

/// Displays a URL with secrets masked: see [`Redaction::url`].
#[derive(Clone, Copy)]
pub struct MaskedUrl<'a> {
    uri: &'a Uri,
    redaction: &'a Redaction,
}

impl<'a> MaskedUrl<'a> {
    /// The longest URL that is written in full, in bytes.
    pub const MAX: usize = 2_048;

    pub(crate) fn new(uri: &'a Uri, redaction: &'a Redaction) -> Self {
        Self { uri, redaction }
    }
}

impl MaskedUrl<'_> {
    /// Whether it needs no escapes and fits. Masks make it two and a half times as long at most.
    fn is_plain(&self) -> bool {
        let authority = self.uri.authority().map_or("", Authority::as_str);
        let rest = self.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let short = authority.len() + rest.len() <= Self::MAX / 4;
        short && quoted::is_plain_text(authority) && quoted::is_plain_text(rest)
    }

    fn write(&self, out: &mut impl Write) -> fmt::Result {
        if let Some(scheme) = self.uri.scheme_str() {
            out.write_str(scheme)?;
            out.write_str("://")?;
        }
        let rest = self.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let path = rest.len().saturating_sub(self.uri.query().map_or(0, |query| query.len() + 1));
        match self.uri.authority() {
            Some(authority) => {
                out.write_str(strip_userinfo(authority.as_str()))?;
                if rest.starts_with('?') {
                    out.write_char('/')?;
                }
                write_masked(out, rest, path, self.redaction)
            }
            None => {
                write_path(out, self.uri.path())?;
                write_masked(out, rest.get(path..).unwrap_or_default(), 0, self.redaction)
            }
        }
    }
}

impl fmt::Display for MaskedUrl<'_> {
    /// Checks the whole URL once, because nearly every URL is plain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_plain() { self.write(f) } else { self.write(&mut Escaper::new(f, Self::MAX)) }
    }
}

/// Shows no more than the display does.
impl fmt::Debug for MaskedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The host, parsed only when it is displayed, because an event may have no reader for it.
#[derive(Clone, Copy)]
pub(crate) struct Host<'a>(&'a Uri);

impl<'a> Host<'a> {
    /// `None` if the URL has no authority.
    pub(crate) fn of(uri: &'a Uri) -> Option<Self> {
        uri.authority().map(|_| Self(uri))
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HostPort::of(self.0).map_or("", HostPort::host))
    }
}

/// The host and the port. Without an explicit port, it is the default port of the scheme.
pub(crate) fn server(uri: &Uri) -> Option<(&str, Option<u16>)> {
    let target = HostPort::of(uri)?;
    Some((target.host(), target.port_or_default()))
}

/// The explicit port.
pub(crate) fn port(uri: &Uri) -> Option<u16> {
    HostPort::of(uri)?.port()
}

/// Writes a path without userinfo. A host follows two slashes (RFC 3986 §4.2), but `Uri` parses it as a path.
/// Browsers treat more slashes, and backslashes, as two slashes.
fn write_path(line: &mut impl Write, path: &str) -> fmt::Result {
    let named = path.trim_start_matches(['/', '\\']);
    let (slashes, named) = path.split_at(path.len() - named.len());
    line.write_str(slashes)?;
    if slashes.len() < 2 {
        return line.write_str(named);
    }
    let (authority, path) = named.split_at(named.find(['/', '\\']).unwrap_or(named.len()));
    line.write_str(strip_userinfo(authority))?;
    line.write_str(path)
}

/// The secrets of this URL, the longest first, to mask them in other texts. Secrets shorter than four bytes
/// are left out, because they may be any word.
pub(crate) fn secrets<'a>(uri: &'a Uri, redaction: &Redaction) -> Vec<&'a str> {
    let authority = uri.authority().map(Authority::as_str);
    let userinfo = authority.and_then(|authority| authority.rsplit_once('@')).map(|(userinfo, _)| userinfo);
    let query = uri.query();
    let hidden = query.unwrap_or_default().split(SEPARATORS).map(|pair| match name_and_value(pair) {
        (name, _) if redaction.shows_query(name) => "",
        (_, value) => value.unwrap_or(pair),
    });
    let names = userinfo.unwrap_or_default().split(':');
    let mut secrets: Vec<_> = userinfo.into_iter().chain(query).chain(names).chain(hidden).collect();
    secrets.retain(|secret| secret.len() >= 4);
    secrets.sort_by_key(|secret| Reverse(secret.len()));
    secrets
}

fn name_and_value(pair: &str) -> (&str, Option<&str>) {
    pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)))
}

/// Writes a path of this length and the query after it, with the hidden values masked. It writes few, long
/// pieces, because each has a fixed cost. A semicolon separates parameters too, so that a shown value cannot
/// contain a hidden parameter.
fn write_masked(out: &mut impl Write, text: &str, path: usize, redaction: &Redaction) -> fmt::Result {
    let mut written = 0;
    let mut start = path + 1;
    let pairs = text.as_bytes().get(start..).unwrap_or_default();
    for pair in pairs.split(|byte| SEPARATORS.contains(&char::from(*byte))) {
        let end = start + pair.len();
        let equals = pair.iter().position(|byte| *byte == b'=');
        let name_end = start + equals.unwrap_or(pair.len());
        if !pair.is_empty() && !redaction.shows_query(text.get(start..name_end).unwrap_or_default()) {
            // A parameter without a name may be a token.
            let hidden = if equals.is_some() { name_end + 1 } else { start };
            out.write_str(text.get(written..hidden).unwrap_or_default())?;
            out.write_str(MASK)?;
            written = end;
        }
        start = end + 1;
    }
    match text.get(written..) {
        Some(rest) if !rest.is_empty() => out.write_str(rest),
        _ => Ok(()),
    }
}
