use std::fmt::Write;

use super::{Row, value};
use crate::{case::Case, subjects};

/// A table for each case that was measured, in Markdown.
#[must_use]
pub fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    for case in Case::ALL {
        let lines = subjects::ALL.iter().filter_map(|(subject, file)| line(rows, case, subject, file));
        let lines: Vec<_> = lines.collect();
        if !lines.is_empty() {
            let _ = writeln!(text, "### `{case}`\n\n{}\n\n{}", about(case), head(case));
            text.extend(lines.iter().map(|line| format!("{line}\n")));
            text.push('\n');
        }
    }
    text
}

fn about(case: Case) -> &'static str {
    match case {
        Case::Happy => "In memory, answered 200 at once; nobody listens to what is logged.",
        Case::HappyNoId => "The same without a `Trackingid` in the response.",
        Case::HappyNoop => {
            "The same as `happy`, with a subscriber that asks for every event and does nothing with it."
        }
        Case::HappyInfo => "The same as `happy`, with every event formatted at info, into a sink.",
        Case::HappyInfoAttempts => {
            "The same as `happy_info`, with only a call's own event at info and those of its parts at debug."
        }
        Case::Retry => {
            "In memory, answered 503, 503, 200, with the shortest wait that each can be told. Bare sends three requests."
        }
        Case::Wait => "In memory, with one permit, which another call holds when each call begins.",
        Case::Loopback => {
            "Over HTTP/1.1 on 127.0.0.1, five tasks on one thread, the server on another; nobody listens."
        }
        Case::Big503 => {
            "Over HTTP/1.1, five calls in turn, each answered 503, 503, 200 with 512 KiB in each 503 and 10 ms between."
        }
    }
}

fn head(case: Case) -> &'static str {
    match case {
        Case::Loopback => {
            "| subject | requests/s against bare: median (quartiles) | requests/s |\n|---|---|---|"
        }
        Case::Big503 => "| subject | TCP connections |\n|---|---|",
        _ => {
            "| subject | instructions | over bare | allocations | over bare | bytes | events | time against bare: median (quartiles) | µs |\n\
             |---|---|---|---|---|---|---|---|---|"
        }
    }
}

/// Nothing where nothing was measured.
fn line(rows: &[Row], case: Case, subject: &str, file: &str) -> Option<String> {
    let of = |subject: &str, measure: &str| value(rows, case, subject, measure);
    let own = |measure: &str| of(subject, measure);
    let ratio = |measure: &str| {
        let (q1, q3) = (own(&format!("{measure}_q1"))?, own(&format!("{measure}_q3"))?);
        let median = own(measure)?;
        let decimals = if median < 100.0 { 2 } else { 0 };
        Some(format!("{median:.decimals$} ({q1:.decimals$}–{q3:.decimals$})"))
    };
    let over = |measure: &str, decimals| Some(number(Some(own(measure)? - of("bare", measure)?), decimals));
    let name = format!("[`{subject}`](src/subjects/{file})");
    let none = || String::from("–");
    match case {
        Case::Loopback => {
            let ratio = ratio("throughput_ratio")?;
            Some(format!("| {name} | {ratio} | {} |", number(own("throughput"), 0)))
        }
        Case::Big503 => Some(format!("| {name} | {} |", number(Some(own("tcp_connections")?), 0))),
        _ => Some(format!(
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} |",
            number(own("instructions"), 0),
            over("instructions", 0).unwrap_or_else(none),
            number(Some(own("allocations")?), 1),
            over("allocations", 1).unwrap_or_else(none),
            number(own("bytes"), 0),
            number(own("events"), 1),
            ratio("time_ratio").unwrap_or_else(none),
            number(own("time"), 2),
        )),
    }
}

/// With a comma every three digits, and no decimals that are zero.
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
