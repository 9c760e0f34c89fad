//! The authority of a request's target: userinfo, host and port.
//!
//! | what | where it is used | host | port |
//! |---|---|---|---|
//! | [`HostPort::canonical`] | limit keys, order keys, the hold of an API | lower case | without zeros, 0 and the scheme's default |
//! | [`HostPort::host`], [`HostPort::port`] | logs, metrics | as written | as written |
//! | [`Origin`] | to compare the targets of two requests | lower case | always a number for http and https |

use std::{borrow::Cow, fmt};

use http::{
    Uri,
    uri::{Authority, Scheme},
};

/// The default port of a URI scheme: 80 for http, 443 for https (RFC 9110 §4.2.1 and §4.2.2), `None` for
/// every other.
///
/// ```
/// assert_eq!(martello_outcome::default_port(Some("https")), Some(443));
/// assert_eq!(martello_outcome::default_port(None), None);
/// ```
#[inline]
#[must_use]
pub fn default_port(scheme: Option<&str>) -> Option<u16> {
    match scheme {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}

/// An authority without its userinfo: what follows its last `@`.
///
/// ```
/// assert_eq!(martello_outcome::strip_userinfo("user:secret@api.example:8443"), "api.example:8443");
/// ```
// Byte by byte: `rsplit` costs several times as much for so short a text.
#[inline]
#[must_use]
pub fn strip_userinfo(authority: &str) -> &str {
    let start = authority.bytes().rposition(|byte| byte == b'@').map_or(0, |at| at + 1);
    authority.get(start..).unwrap_or_default()
}

/// Whether the authority of this URI has userinfo (`user:password@`), which may be a credential. Empty
/// userinfo counts.
///
/// ```
/// assert!(martello_outcome::has_userinfo(&"https://user@api.example/".parse()?));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[must_use]
pub fn has_userinfo(uri: &Uri) -> bool {
    uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
}

/// The host and the port of an authority, borrowed, without its userinfo.
///
/// ```
/// use martello_outcome::HostPort;
///
/// let uri = "https://user:secret@API.example:0443/orders".parse()?;
/// let target = HostPort::of(&uri).expect("it has an authority");
/// assert_eq!(target.host(), "API.example");
/// assert_eq!(target.port(), Some(443));
/// assert_eq!(target.canonical().as_deref(), Some("api.example"));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Copy)]
pub struct HostPort<'a> {
    scheme: Option<&'a Scheme>,
    authority: &'a str,
}

impl<'a> HostPort<'a> {
    /// The host and the port of an authority or of a `Host` header. The scheme decides which port is the
    /// default.
    #[inline]
    #[must_use]
    pub fn new(scheme: Option<&'a Scheme>, authority: &'a str) -> Self {
        Self { scheme, authority }
    }

    /// The host and the port of this URI; `None` if it has no authority.
    #[inline]
    #[must_use]
    pub fn of(uri: &'a Uri) -> Option<Self> {
        Some(Self::new(uri.scheme(), uri.authority()?.as_str()))
    }

    /// The host as it is written. An IPv6 address is in its brackets.
    #[inline]
    #[must_use]
    pub fn host(self) -> &'a str {
        let authority = strip_userinfo(self.authority);
        split_port(authority).map_or(authority, |(host, _)| host)
    }

    /// The explicit port; `None` if there is none, it is empty or it is above 65,535.
    #[inline]
    #[must_use]
    pub fn port(self) -> Option<u16> {
        split_port(self.authority)?.1.parse().ok()
    }

    /// The explicit port, or the [default port](default_port) of the scheme.
    #[inline]
    #[must_use]
    pub fn port_or_default(self) -> Option<u16> {
        self.port().or_else(|| default_port(self.scheme.map(Scheme::as_str)))
    }

    /// One text for all ways to write the same authority: the host in lower case, without userinfo, without
    /// zeros before the port, and without a port that is empty, 0 or the default of the scheme (RFC 9110
    /// §4.2.3). Without a scheme the default ports of both http and https are left out. `None` if the host is
    /// empty.
    ///
    /// Stores keep this text: the rule does not change.
    #[must_use]
    pub fn canonical(self) -> Option<Cow<'a, str>> {
        let authority = strip_userinfo(self.authority);
        let (host, port) = split_port(authority).map_or((authority, None), |(host, port)| (host, Some(port)));
        if host.is_empty() {
            return None;
        }
        let number = port.map_or("", |port| port.trim_start_matches('0'));
        let is_default = match self.scheme.map(Scheme::as_str) {
            Some("https") => number == "443",
            Some("http") => number == "80",
            Some(_) => false,
            None => matches!(number, "443" | "80"),
        };
        let authority = match port {
            _ if number.is_empty() || is_default => Cow::Borrowed(host),
            Some(port) if port != number => Cow::Owned(format!("{host}:{number}")),
            _ => Cow::Borrowed(authority),
        };
        Some(if authority.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(authority.to_ascii_lowercase())
        } else {
            authority
        })
    }
}

/// Leaves out the userinfo.
impl fmt::Debug for HostPort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostPort").field("host", &self.host()).field("port", &self.port()).finish()
    }
}

/// Splits off the port, which is a colon and digits, or a colon alone. Most authorities have none and end in
/// a letter, so the last byte is looked at first.
#[inline]
fn split_port(authority: &str) -> Option<(&str, &str)> {
    authority.as_bytes().last().filter(|last| last.is_ascii_digit() || **last == b':')?;
    let digits = authority.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (host, port) = authority.split_at_checked(authority.len() - digits)?;
    Some((host.strip_suffix(':')?, port))
}

/// The origin of a URI: scheme, host and port (RFC 6454 §4). Two URIs with equal origins go to the same
/// server.
///
/// ```
/// use martello_outcome::Origin;
///
/// let first = Origin::of(&"https://api.example/orders".parse()?);
/// assert_eq!(first, Origin::of(&"HTTPS://API.example:443/orders?page=2".parse()?));
/// assert_ne!(first, Origin::of(&"http://api.example/orders".parse()?));
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin of this URI; `None` if it has no scheme or no authority, or if it has userinfo, which a
    /// client would send.
    #[must_use]
    pub fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let authority = uri.authority().filter(|_| !has_userinfo(uri))?;
        let port = authority.port_u16().or_else(|| default_port(Some(&scheme)));
        Some(Self { host: Authority::host(authority).to_ascii_lowercase(), scheme, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(uri: &str) -> Option<String> {
        HostPort::of(&uri.parse().unwrap())?.canonical().map(Cow::into_owned)
    }

    #[test]
    fn equal_authorities_have_one_canonical_form() {
        for (uri, expected) in [
            ("https://api.example/orders", "api.example"),
            ("https://user:secret@API.example:443/", "api.example"),
            ("http://api.example:80/", "api.example"),
            ("http://[::1]:8080/", "[::1]:8080"),
            ("http://api.example:/", "api.example"),
            ("http://[::1]:/", "[::1]"),
            ("http://[::]/", "[::]"),
            ("https://api.example:80/", "api.example:80"),
            ("https://api.example:0443/", "api.example"),
            ("http://API.example:08080/", "api.example:8080"),
            ("http://api.example:0/", "api.example"),
            ("api.example:443", "api.example"),
            ("api.example:80", "api.example"),
        ] {
            assert_eq!(canonical(uri).as_deref(), Some(expected), "{uri}");
        }
        assert_eq!(canonical("/orders"), None);
    }

    #[test]
    fn host_and_port_are_as_they_are_written() {
        for (uri, host, port, effective) in [
            ("https://API.example/", "API.example", None, Some(443)),
            ("http://me@api.example:/", "api.example", None, Some(80)),
            ("http://[::1]:8080/", "[::1]", Some(8080), Some(8080)),
            ("http://10.0.0.1/", "10.0.0.1", None, Some(80)),
            ("ftp://api.example/", "api.example", None, None),
        ] {
            let uri: Uri = uri.parse().unwrap();
            let target = HostPort::of(&uri).unwrap();
            assert_eq!((target.host(), target.port(), target.port_or_default()), (host, port, effective));
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_effective_port() {
        let of = |uri: &str| Origin::of(&uri.parse().unwrap());
        assert!(of("https://api.example/").is_some());
        assert_eq!(of("https://api.example/a"), of("https://API.example:443/b"));
        assert_ne!(of("https://api.example/"), of("https://api.example:8443/"));
        assert_ne!(of("https://api.example/"), of("http://api.example/"));
        assert_eq!(of("https://me@api.example/"), None);
        assert_eq!(of("/orders"), None);
    }

    #[test]
    fn the_debug_output_leaves_out_the_userinfo() {
        let uri: Uri = "https://me:secret@api.example/".parse().unwrap();
        assert!(!format!("{:?}", HostPort::of(&uri).unwrap()).contains("secret"));
    }
}
