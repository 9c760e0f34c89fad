use std::fmt::{self, Write};

/// Text from outside (a server's, a file's, somebody else's) as it may be written to a terminal: what is not
/// there to be seen is escaped as `\u{1b}`, `\n` or `\u{202e}`.
///
/// So no escape sequence begins in it, nothing turns the direction of what comes after it, and it stays on its
/// line. All of Martello's own `Display` implementations write text from outside like this; a `String` that a
/// type hands out is as it came.
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
    /// All of it, on one line.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, most: usize::MAX, lines: false }
    }

    /// At most so many of its characters, and then `…`.
    #[must_use]
    pub fn most(self, characters: usize) -> Self {
        Self { most: characters, ..self }
    }

    /// With its ends of lines and tabs as they are.
    #[must_use]
    pub fn lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Whether a character can be written as it is. Not so are control characters (C0, DEL, C1), what turns the
    /// direction of text, ends of lines and paragraphs, and what is invisible; the joiners of letters (U+200C,
    /// U+200D) are.
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
