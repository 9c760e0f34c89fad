use std::fmt::Write;

use martello::outcome::Printable;
use serde::Serialize;

/// Serialises a document on one line that is safe to show on a terminal.
pub(crate) fn json(document: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string(document).map(|text| printable_json(&text))
}

/// Escapes characters that can control a terminal as `\u…`; the JSON values stay the same.
///
/// ASCII control characters are left alone: JSON strings cannot contain them, and between tokens they are
/// white space.
pub(crate) fn printable_json(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for char in text.chars() {
        if Printable::allows(char) || char < ' ' {
            printable.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(printable, "\\u{unit:04x}");
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_without_changing_the_value() {
        let value = "a\u{1b}\u{7f}\u{9b}\u{202e}\u{e0041}é\u{1f680}\\\"";
        let text = json(&value).unwrap();
        assert_eq!(text, r#""a\u001b\u007f\u009b\u202e\udb40\udc41é🚀\\\"""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), value);
        assert_eq!(printable_json("{\t\"a\" : 1}"), "{\t\"a\" : 1}");
    }
}
