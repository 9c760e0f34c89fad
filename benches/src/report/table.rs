//! Formats numbers for tables.

use super::{Row, value};

/// The median and the quartiles of a ratio.
pub(super) fn ratio(rows: &[Row], case: &str, subject: &str, measure: &str) -> Option<String> {
    let of = |measure: &str| value(rows, case, subject, measure);
    let (q1, median, q3) = (of(&format!("{measure}_q1"))?, of(measure)?, of(&format!("{measure}_q3"))?);
    let decimals = if median < 100.0 { 2 } else { 0 };
    Some(format!("{median:.decimals$} ({q1:.decimals$}–{q3:.decimals$})"))
}

/// With a comma every three digits, and without trailing zeros.
pub(super) fn number(value: Option<f64>, decimals: usize) -> String {
    let Some(value) = value else {
        return String::from("–");
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("−", digits));
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_reads_well() {
        assert_eq!(number(Some(1_234_567.0), 0), "1,234,567");
        assert_eq!(number(Some(-1234.5), 1), "−1,234.5");
        assert_eq!(number(Some(11.0), 1), "11");
        assert_eq!(number(None, 1), "–");
    }
}
