use std::{
    cmp::Reverse,
    fmt::{self, Write},
};

use http::{
    Uri,
    uri::{Authority, PathAndQuery},
};

use crate::{
    Redaction,
    quoted::{self, Escaper},
    redaction::MASK,
};

/// What stands between the parameters of a query; some servers take semicolons.
const SEPARATORS: [char; 2] = ['&', ';'];

/// A URL as it may be written into a log: see [`Redaction::url`].
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
    /// Whether it needs neither escapes nor a cut. Masks make it two and a half times as long at most.
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
                out.write_str(without_userinfo(authority.as_str()))?;
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
    /// One look at the whole, where nearly every URL is plain: a look at each piece costs 300 instructions more.
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

/// The host, looked for when it is written and not before: an event may have no reader for it.
#[derive(Clone, Copy)]
pub(crate) struct Host<'a>(&'a Uri);

impl<'a> Host<'a> {
    /// `None` where the URL has no authority.
    pub(crate) fn of(uri: &'a Uri) -> Option<Self> {
        uri.authority().map(|_| Self(uri))
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(host(self.0).unwrap_or_default())
    }
}

/// Host and port; where none is explicit, the port is that of the scheme.
pub(crate) fn server(uri: &Uri) -> Option<(&str, Option<u16>)> {
    let host = host(uri)?;
    Some((host, port(uri).or_else(|| default_port(uri))))
}

/// The host, as `Uri::host` finds it in three times the instructions.
pub(crate) fn host(uri: &Uri) -> Option<&str> {
    let authority = without_userinfo(uri.authority()?.as_str());
    Some(without_port(authority).map_or(authority, |(host, _)| host))
}

/// The explicit port. Most authorities have none, and end in a letter: so much is seen at a glance.
pub(crate) fn port(uri: &Uri) -> Option<u16> {
    let (_, port) = without_port(uri.authority()?.as_str())?;
    port.parse().ok()
}

fn without_port(authority: &str) -> Option<(&str, &str)> {
    authority.as_bytes().last().filter(|last| last.is_ascii_digit() || **last == b':')?;
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (host, port) = authority.split_at_checked(authority.len() - digits)?;
    Some((host.strip_suffix(':')?, port))
}

fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}

/// Byte by byte: for so short a text `rsplit` costs several times as much.
fn without_userinfo(authority: &str) -> &str {
    let start = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
    authority.get(start..).unwrap_or_default()
}

/// After two slashes stands a host (RFC 3986 §4.2), of which `Uri` knows nothing. Browsers take more slashes and
/// backslashes for the same.
fn write_path(line: &mut impl Write, path: &str) -> fmt::Result {
    let named = path.trim_start_matches(['/', '\\']);
    let (slashes, named) = path.split_at(path.len() - named.len());
    line.write_str(slashes)?;
    if slashes.len() < 2 {
        return line.write_str(named);
    }
    let (authority, path) = named.split_at(named.find(['/', '\\']).unwrap_or(named.len()));
    line.write_str(without_userinfo(authority))?;
    line.write_str(path)
}

/// What is hidden of this URL, the longest first, to be masked where others quote it. Shorter than four bytes it
/// could be any word.
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

/// A path of this length and the query after it with its question mark, but for what is hidden. In pieces as long as
/// they come, because each costs a hundred instructions, however short it is. A value must not hide another parameter
/// behind a semicolon.
fn write_masked(out: &mut impl Write, text: &str, path: usize, redaction: &Redaction) -> fmt::Result {
    let mut written = 0;
    let mut start = path + 1;
    let pairs = text.as_bytes().get(start..).unwrap_or_default();
    for pair in pairs.split(|byte| SEPARATORS.contains(&char::from(*byte))) {
        let end = start + pair.len();
        let equals = pair.iter().position(|byte| *byte == b'=');
        let name_end = start + equals.unwrap_or(pair.len());
        if !pair.is_empty() && !redaction.shows_query(text.get(start..name_end).unwrap_or_default()) {
            // Without a name it may be a token as a whole.
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
