use std::fmt::Write;

use super::Row;

/// An array of `{"case","subject","measure","value","unit"}`, one to a line. No name needs an escape.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    let mut json = String::from("[\n");
    for (number, Row { case, subject, found }) in rows.iter().enumerate() {
        let end = if number + 1 == rows.len() { "" } else { "," };
        let (measure, value, unit) = (&found.measure, found.value, &found.unit);
        // Writing to a string does not fail.
        let _ = writeln!(
            json,
            r#"  {{"case":"{case}","subject":"{subject}","measure":"{measure}","value":{value},"unit":"{unit}"}}{end}"#
        );
    }
    json.push_str("]\n");
    json
}
