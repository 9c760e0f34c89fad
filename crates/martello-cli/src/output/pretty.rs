//! Indents JSON without changing its content: the order of names, repeated names and the digits of numbers
//! stay.

use serde::de::IgnoredAny;

/// The maximum indent, in levels. Without it, n nested brackets need n² spaces.
const DEEPEST: usize = 32;

/// Indents the start of a JSON text: at least `most` bytes of output, or all of it. `None` if it is not JSON.
pub(crate) fn pretty(text: &str, most: usize) -> Option<String> {
    // Checks the syntax without recursion, so that deep nesting cannot overflow the stack.
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut printer = Printer { out: String::new(), depth: 0 };
    let mut in_string = false;
    let mut escaped = false;
    let mut after_open = false;
    for char in text.chars() {
        if printer.out.len() > most {
            break;
        }
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
        self.out.extend(std::iter::repeat_n("  ", self.depth.min(DEEPEST)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<String> {
        pretty(text, usize::MAX)
    }

    #[test]
    fn keeps_the_order_of_keys_and_all_digits() {
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
        assert_eq!(whole(text).as_deref(), Some(expected));
    }

    #[test]
    fn leaves_text_that_is_not_json_unchanged() {
        assert_eq!(whole("{\"a\":"), None);
        assert_eq!(whole(""), None);
    }

    #[test]
    fn an_escaped_backslash_before_a_quote_ends_the_string() {
        assert_eq!(whole(r#"["a\\",1]"#).as_deref(), Some("[\n  \"a\\\\\",\n  1\n]"));
    }

    #[test]
    fn stops_at_the_maximum_length() {
        for text in [format!("[\"{}\"]", "x".repeat(10_000)), "[".repeat(10_000) + &"]".repeat(10_000)] {
            let shown = pretty(&text, 1_000).unwrap();
            assert!((1_000..1_100).contains(&shown.len()), "{}", shown.len());
        }
    }
}
