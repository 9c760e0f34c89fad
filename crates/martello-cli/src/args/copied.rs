//! Parses ids and hosts that were copied from the command's own output, with quotes or commas around them.

use std::{net::Ipv6Addr, str::FromStr};

use http::uri::Authority;

/// Parses an id.
pub(crate) fn id<T: FromStr>(text: &str) -> Result<T, T::Err> {
    bare(text).parse()
}

/// Parses a tracking id, alone or as a timeline shows it: `Trackingid 5f3a-0062`.
pub(crate) fn tracking_id(text: &str) -> Result<String, String> {
    let text = bare(text);
    let (word, rest) = text.split_once(' ').unwrap_or(("", text));
    let id = if word.eq_ignore_ascii_case("trackingid") { bare(rest) } else { text };
    if id.is_empty() { Err("expected an id".to_owned()) } else { Ok(id.to_owned()) }
}

/// A host, from a host name, a host with a port, or a URL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = bare(text);
        let text = text.split_once("://").map_or(text, |(_, rest)| rest);
        let text = text.split(['/', '?', '#']).next().unwrap_or_default();
        if text.parse::<Ipv6Addr>().is_ok() {
            return Ok(Self { name: format!("[{text}]"), port: None });
        }
        let authority = text.parse::<Authority>().ok().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or("expected a host such as api.example, [::1] or api.example:8443")?;
        Ok(Self { name: authority.host().to_owned(), port: authority.port_u16() })
    }
}

fn bare(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || ['"', '\'', ',', ';'].contains(&char))
}
