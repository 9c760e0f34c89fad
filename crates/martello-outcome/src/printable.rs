use std::fmt::{self, Write};

/// Displays text from outside (a server, a file) safely on a terminal: control and invisible characters are
/// escaped as `\u{1b}`, `\n` or `\u{202e}`.
///
/// The result contains no terminal escape sequence, does not change the direction of the text after it, and
/// stays on one line. All `Display` implementations of Martello write text from outside like this. A `String`
/// that a type returns is unchanged.
///
/// ```
/// use martello_outcome::Printable;
///
/// let answer = "no such order\u{1b}]52;c;Zm9v\u{7}";
/// assert_eq!(Printable::new(answer).to_string(), "no such order\\u{1b}]52;c;Zm9v\\u{7}");
/// assert_eq!(Printable::new("größer").most(3).to_string(), "grö…");
/// ```
#[derive(Clone, Copy)]
pub struct Printable<'a> {
    text: &'a str,
    most: usize,
    lines: bool,
}

impl<'a> Printable<'a> {
    /// The whole text, on one line.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, most: usize::MAX, lines: false }
    }

    /// Shows at most this many characters, then `…`.
    #[must_use]
    pub fn most(self, characters: usize) -> Self {
        Self { most: characters, ..self }
    }

    /// Keeps line ends and tabs.
    #[must_use]
    pub fn lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Whether a character is written unchanged. Escaped are control characters (C0, DEL, C1), characters
    /// that change the direction of text, line and paragraph separators, and invisible characters, except the
    /// joiners of letters (U+200C, U+200D).
    #[must_use]
    pub const fn allows(char: char) -> bool {
        !matches!(char,
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
            | '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}'
            | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
    }

    fn keeps(&self, char: char) -> bool {
        Self::allows(char) || (self.lines && matches!(char, '\n' | '\t'))
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.most == usize::MAX && self.text.chars().all(|char| self.keeps(char)) {
            return f.pad(self.text);
        }
        for (written, char) in self.text.chars().enumerate() {
            if written == self.most {
                return f.write_char('…');
            }
            if self.keeps(char) { f.write_char(char)? } else { write!(f, "{}", char.escape_default())? }
        }
        Ok(())
    }
}

/// Shows no more than the display does.
impl fmt::Debug for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_steers_a_terminal() {
        let plain = Printable::new("a\u{1b}[31m\nb\u{202e}c\u{9b}d").to_string();
        assert_eq!(plain, "a\\u{1b}[31m\\nb\\u{202e}c\\u{9b}d");
        assert_eq!(Printable::new("a\tb\r\nc\u{85}").lines().to_string(), "a\tb\\r\nc\\u{85}");
    }

    #[test]
    fn what_is_not_there_to_be_seen_is_escaped() {
        for char in
            ['\u{ad}', '\u{115f}', '\u{1160}', '\u{180e}', '\u{3164}', '\u{ffa0}', '\u{1bca0}', '\u{1d173}']
        {
            assert_eq!(
                Printable::new(&char.to_string()).to_string(),
                format!("\\u{{{:x}}}", u32::from(char))
            );
        }
    }

    #[test]
    fn letters_and_what_joins_them_stay() {
        for text in ["größer", "می\u{200c}خواهم", "e\u{301}", "👩\u{200d}🚀", "a\u{a0}b", "\"'\\"]
        {
            assert_eq!(Printable::new(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(Printable::new("größer").most(3).to_string(), "grö…");
        assert_eq!(Printable::new("abc").most(3).to_string(), "abc");
    }
}
