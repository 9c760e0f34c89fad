use std::{
    cmp::Reverse,
    fmt::{self, Write},
};

use http::{Uri, uri::Authority};

use crate::{Redaction, line::Line, redaction::MASK};

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

impl fmt::Display for MaskedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::new(f, Self::MAX);
        if let Some(scheme) = self.uri.scheme_str() {
            line.write_str(scheme)?;
            line.write_str("://")?;
        }
        match self.uri.authority() {
            Some(authority) => {
                line.write_str(without_userinfo(authority.as_str()))?;
                line.write_str(self.uri.path())?;
            }
            None => write_path(&mut line, self.uri.path())?,
        }
        match self.uri.query() {
            Some(query) => write_query(&mut line, query, self.redaction),
            None => Ok(()),
        }
    }
}

/// Shows no more than the display does.
impl fmt::Debug for MaskedUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Host and explicit port, as `Uri::host` and `Uri::port_u16` find them in three times the instructions.
pub(crate) fn host_and_port(uri: &Uri) -> Option<(&str, Option<u16>)> {
    let authority = without_userinfo(uri.authority()?.as_str());
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (rest, port) = authority.split_at_checked(authority.len() - digits)?;
    Some(match rest.strip_suffix(':') {
        Some(host) => (host, port.parse().ok()),
        None => (authority, None),
    })
}

/// Host and port; where none is explicit, the port is that of the scheme.
pub(crate) fn server(uri: &Uri) -> Option<(&str, Option<u16>)> {
    let (host, port) = host_and_port(uri)?;
    Some((host, port.or_else(|| default_port(uri))))
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

/// A value must not hide another parameter behind a semicolon.
fn write_query(line: &mut impl Write, query: &str, redaction: &Redaction) -> fmt::Result {
    line.write_char('?')?;
    for pair in query.split_inclusive(SEPARATORS) {
        let (pair, separator) = match pair.strip_suffix(SEPARATORS) {
            Some(bare) => (bare, pair.get(bare.len()..).unwrap_or_default()),
            None => (pair, ""),
        };
        let (name, value) = name_and_value(pair);
        if pair.is_empty() || redaction.shows_query(name) {
            line.write_str(pair)?;
        } else if value.is_some() {
            line.write_str(name)?;
            line.write_char('=')?;
            line.write_str(MASK)?;
        } else {
            // Without a name it may be a token as a whole.
            line.write_str(MASK)?;
        }
        line.write_str(separator)?;
    }
    Ok(())
}
