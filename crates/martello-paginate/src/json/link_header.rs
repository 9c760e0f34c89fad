//! Finds the next page in the `Link` header (RFC 8288 §3 and appendix B.2).

use http::{HeaderMap, header};

use crate::ParseError;

/// The target of the first link with `rel="next"`. `same` returns whether an `anchor` is the page itself: a
/// link with another anchor belongs to another resource (§3.2).
pub(super) fn next(headers: &HeaderMap, same: impl Fn(&str) -> bool) -> Result<Option<String>, ParseError> {
    let mut unread = false;
    for line in headers.get_all(header::LINK) {
        let line = String::from_utf8_lossy(line.as_bytes());
        let mut links = Links(&line);
        while let Some(link) = links.next() {
            let Some(link) = link else {
                unread = true;
                break;
            };
            if link.is_next && link.anchor.as_deref().is_none_or(&same) {
                return Ok(Some(link.target));
            }
        }
    }
    if unread { Err(ParseError::new("the header is malformed").at("Link")) } else { Ok(None) }
}

struct Link {
    target: String,
    is_next: bool,
    anchor: Option<String>,
}

/// The links of one header line that are not parsed yet.
struct Links<'a>(&'a str);

impl Links<'_> {
    /// Parses the next link; an inner `None` if it is malformed.
    fn next(&mut self) -> Option<Option<Link>> {
        // Empty elements of a list are allowed (RFC 9110 §5.6.1.2).
        self.0 = self.0.trim_start_matches([' ', '\t', ',']);
        (!self.0.is_empty()).then(|| self.link())
    }

    fn link(&mut self) -> Option<Link> {
        let (target, rest) = self.0.strip_prefix('<')?.split_once('>')?;
        self.0 = rest;
        let mut link = Link { target: target.trim().to_owned(), is_next: false, anchor: None };
        let mut has_rel = false;
        loop {
            self.skip_space();
            match self.0.as_bytes().first() {
                None | Some(b',') => return Some(link),
                Some(b';') => self.0 = self.0.get(1..)?,
                Some(_) => return None,
            }
            let (name, value) = self.parameter()?;
            if name.eq_ignore_ascii_case("rel") && !has_rel {
                // Only the first counts (§3.3).
                has_rel = true;
                link.is_next = value.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"));
            } else if name.eq_ignore_ascii_case("anchor") && link.anchor.is_none() {
                link.anchor = Some(value);
            }
        }
    }

    /// A parameter's name and value; both may be empty.
    fn parameter(&mut self) -> Option<(String, String)> {
        self.skip_space();
        let name = self.take_until(&['=', ';', ',', ' ', '\t']).to_owned();
        self.skip_space();
        let Some(rest) = self.0.strip_prefix('=') else { return Some((name, String::new())) };
        self.0 = rest;
        self.skip_space();
        match self.0.strip_prefix('"') {
            Some(quoted) => Some((name, self.quoted(quoted)?)),
            None => Some((name, self.take_until(&[';', ',', ' ', '\t']).to_owned())),
        }
    }

    /// The text before the closing quote (RFC 9110 §5.6.4).
    fn quoted(&mut self, text: &str) -> Option<String> {
        let mut value = String::new();
        let mut chars = text.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '"' => {
                    let rest = text.len() - at - 1;
                    self.0 = self.0.get(self.0.len() - rest..)?;
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                char => value.push(char),
            }
        }
        None
    }

    fn take_until(&mut self, ends: &[char]) -> &str {
        let (taken, rest) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }
}
