use std::fmt::Write;

use super::Row;

/// An array of `{"case","subject","measure","value","unit"}`, one object per line. No name needs escapes.
pub(super) fn json(rows: &[Row]) -> String {
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

#[cfg(test)]
mod tests {
    use super::json;
    use crate::{measure::Found, report::Row};

    #[test]
    fn a_row_is_an_object_and_the_last_has_no_comma() {
        let row = |line| Found::parse(line).map(|found| Row { case: "happy", subject: "bare", found });
        let rows: Vec<_> =
            ["11 allocations allocations", "0.95 time_ratio ratio"].into_iter().filter_map(row).collect();
        let expected = concat!(
            "[\n",
            r#"  {"case":"happy","subject":"bare","measure":"allocations","value":11,"unit":"allocations"},"#,
            "\n",
            r#"  {"case":"happy","subject":"bare","measure":"time_ratio","value":0.95,"unit":"ratio"}"#,
            "\n]\n",
        );
        assert_eq!(json(&rows), expected);
    }
}
