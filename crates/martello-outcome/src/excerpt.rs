use std::fmt::{self, Write};

use crate::Printable;

/// The start of a text, in at most this many bytes, cut between characters.
///
/// ```
/// assert_eq!(martello_outcome::truncate("größer", 4), "grö");
/// assert_eq!(martello_outcome::truncate("größer", 3), "gr");
/// ```
#[must_use]
pub fn truncate(text: &str, max_bytes: usize) -> &str {
    (0..=max_bytes.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}

/// The first bytes of a body, on one line, escaped as by [`Printable`]; what is not UTF-8 is `�`, and `…`
/// follows what was cut.
///
/// ```
/// use martello_outcome::Excerpt;
///
/// assert_eq!(Excerpt::new(b"no such order\n", 256).to_string(), "no such order\\n");
/// assert_eq!(Excerpt::new(b"no such order\n", 7).to_string(), "no such…");
/// ```
#[derive(Clone, Copy)]
pub struct Excerpt<'a> {
    bytes: &'a [u8],
    max_bytes: usize,
}

impl<'a> Excerpt<'a> {
    /// At most this many bytes of this body.
    #[must_use]
    pub fn new(bytes: &'a [u8], max_bytes: usize) -> Self {
        Self { bytes, max_bytes }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.bytes.get(..self.max_bytes).unwrap_or(self.bytes);
        write!(f, "{}", Printable::new(&String::from_utf8_lossy(shown)))?;
        if shown.len() < self.bytes.len() { f.write_char('…') } else { Ok(()) }
    }
}

/// Shows no more than the display does.
impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(truncate("größer", 100), "größer");
        assert_eq!(truncate("ö", 1), "");
        assert_eq!(truncate("abc", 0), "");
    }

    #[test]
    fn an_excerpt_is_bounded_and_steers_no_terminal() {
        assert_eq!(Excerpt::new(b"a\x1b[31m\xff", 100).to_string(), "a\\u{1b}[31m\u{fffd}");
        assert_eq!(Excerpt::new(b"abcd", 4).to_string(), "abcd");
        assert_eq!(Excerpt::new(b"abcd", 3).to_string(), "abc…");
    }
}
