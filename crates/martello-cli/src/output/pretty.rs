//! JSON over several lines, with everything in it as it was: order, repeated names, the digits of numbers.

use serde::de::IgnoredAny;

/// The text indented, if it is JSON.
pub(crate) fn pretty(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut printer = Printer { out: String::with_capacity(text.len() * 2), depth: 0 };
    let mut in_string = false;
    let mut escaped = false;
    let mut after_open = false;
    for char in text.chars() {
        if in_string {
            printer.out.push(char);
            (in_string, escaped) = (escaped || char != '"', char == '\\' && !escaped);
            continue;
        }
        if char.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(char, '}' | ']');
        if after_open && !closes {
            printer.open();
        }
        match char {
            '}' | ']' if after_open => printer.out.push(char),
            '}' | ']' => printer.close(char),
            ',' => printer.comma(),
            ':' => printer.out.push_str(": "),
            _ => printer.out.push(char),
        }
        in_string = char == '"';
        after_open = matches!(char, '{' | '[');
    }
    Some(printer.out)
}

struct Printer {
    out: String,
    depth: usize,
}

impl Printer {
    fn open(&mut self) {
        self.depth += 1;
        self.line();
    }

    fn close(&mut self, char: char) {
        self.depth = self.depth.saturating_sub(1);
        self.line();
        self.out.push(char);
    }

    fn comma(&mut self) {
        self.out.push(',');
        self.line();
    }

    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.depth));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_digits_stay() {
        let text = r#"{"b":1.50,"a":[1,{"x":"a\"},{b"}],"e":{},"f":[],"b":12345678901234567890123}"#;
        let expected = r#"{
  "b": 1.50,
  "a": [
    1,
    {
      "x": "a\"},{b"
    }
  ],
  "e": {},
  "f": [],
  "b": 12345678901234567890123
}"#;
        assert_eq!(pretty(text).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_json_stays_what_it_is() {
        assert_eq!(pretty("{\"a\":"), None);
        assert_eq!(pretty(""), None);
    }

    #[test]
    fn a_backslash_at_the_end_of_a_string_does_not_hide_its_quote() {
        assert_eq!(pretty(r#"["a\\",1]"#).as_deref(), Some("[\n  \"a\\\\\",\n  1\n]"));
    }
}
