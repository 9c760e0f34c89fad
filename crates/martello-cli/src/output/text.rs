use std::fmt::{self, Write};

/// Text of others on one line: control characters escaped, so that it cannot steer a terminal, and cut after so many
/// characters.
pub(crate) struct Plain<'a> {
    pub(crate) text: &'a str,
    pub(crate) most: usize,
}

impl<'a> Plain<'a> {
    /// All of it.
    pub(crate) fn whole(text: &'a str) -> Self {
        Self { text, most: usize::MAX }
    }
}

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (written, char) in self.text.chars().enumerate() {
            if written == self.most {
                return f.write_char('…');
            }
            if steers(char) { write!(f, "{}", char.escape_unicode())? } else { f.write_char(char)? }
        }
        Ok(())
    }
}

/// Whether a character moves the cursor or turns the direction of what follows.
fn steers(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_it_steers_a_terminal() {
        let plain = Plain::whole("a\u{1b}[31m\nb\u{202e}c").to_string();
        assert_eq!(plain, "a\\u{1b}[31m\\u{a}b\\u{202e}c");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(Plain { text: "größer", most: 3 }.to_string(), "grö…");
        assert_eq!(Plain { text: "abc", most: 3 }.to_string(), "abc");
    }
}
