//! The tables of `overhead`.

use std::{fmt::Write, path::Path};

use super::{
    Row,
    budgets::{self, Bound, Budget, Of},
    machine, page,
    table::{number, ratio},
    value,
};
use crate::{Error, case::Case, subjects};

/// The packages whose versions determine the numbers.
const PACKAGES: &[&str] = &[
    "hyper",
    "hyper-util",
    "http",
    "bytes",
    "tokio",
    "tower",
    "tower-http",
    "tower-resilience",
    "tracing-subscriber",
    "reqwest",
    "reqwest-middleware",
    "reqwest-retry",
    "reqwest-tracing",
];

const fn added(
    what: &'static str,
    case: Case,
    subject: &'static str,
    measure: &'static str,
    most: f64,
) -> Budget {
    // Where every call waits there is no `bare`. Its allocations are those of `bare` without waiting.
    let of = Of::OverBare { or: Case::Happy.name() };
    Budget { what, case: case.name(), subject, measure, of, bound: Bound::Most(most) }
}

const INSTRUCTIONS: &str = "instructions";
const ALLOCATIONS: &str = "allocations";

const BUDGETS: &[Budget] = &[
    added("limit", Case::Happy, "martello_limit", INSTRUCTIONS, 650.0),
    added("limit", Case::Happy, "martello_limit", ALLOCATIONS, 0.0),
    added("limit that has to wait", Case::Wait, "martello_limit", ALLOCATIONS, 0.0),
    added("retry", Case::Happy, "martello_retry", INSTRUCTIONS, 1_600.0),
    added("retry", Case::Happy, "martello_retry", ALLOCATIONS, 1.0),
    added("all four, log off, with an id", Case::Happy, "martello_four", INSTRUCTIONS, 4_000.0),
    added("all four, log off, with an id", Case::Happy, "martello_four", ALLOCATIONS, 4.0),
    added("all four, log off, without an id", Case::HappyNoId, "martello_four", INSTRUCTIONS, 3_000.0),
    added("all four, log off, without an id", Case::HappyNoId, "martello_four", ALLOCATIONS, 1.0),
    added(
        "all four, both events without a subscriber",
        Case::HappyNoop,
        "martello_four",
        INSTRUCTIONS,
        7_500.0,
    ),
    added("all four, both events written", Case::HappyInfo, "martello_four", INSTRUCTIONS, 35_000.0),
    added(
        "all four, the call's event written",
        Case::HappyInfoAttempts,
        "martello_four",
        INSTRUCTIONS,
        20_000.0,
    ),
    Budget {
        what: "five tasks over loopback, log off",
        case: Case::Loopback.name(),
        subject: "martello_four",
        measure: "throughput_ratio",
        of: Of::Itself,
        bound: Bound::Least(0.95),
    },
    Budget {
        what: "a wait of zero, twice, takes no timer (1 ms each)",
        case: Case::Retry.name(),
        subject: "martello_four",
        measure: "time",
        of: Of::Itself,
        bound: Bound::Most(1_000.0),
    },
    Budget {
        what: "five calls of 503, 503, 200 with large bodies",
        case: Case::Big503.name(),
        subject: "martello_four",
        measure: "tcp_connections",
        of: Of::Itself,
        bound: Bound::Most(1.0),
    },
];

/// The bounds on the layers, in Markdown.
#[must_use]
pub fn budgets(rows: &[Row]) -> String {
    budgets::table(BUDGETS, rows)
}

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
        Case::Happy => "In memory, answered 200 at once; there is no tracing subscriber.",
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
            "Over HTTP/1.1 on 127.0.0.1, five tasks on one thread, the server on another; there is no tracing subscriber."
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

/// Empty when nothing was measured.
fn line(rows: &[Row], case: Case, subject: &str, file: &str) -> Option<String> {
    let of = |subject: &str, measure: &str| value(rows, case.name(), subject, measure);
    let own = |measure: &str| of(subject, measure);
    let ratio = |measure: &str| ratio(rows, case.name(), subject, measure);
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

/// Writes `results/overhead.json`, and the tables of the page between its two marks.
///
/// # Errors
///
/// When a file cannot be written, or the page has no marks.
pub fn rewrite(manifest: &Path, rows: &[Row]) -> Result<(), Error> {
    let head = machine::about(manifest, PACKAGES, &["valgrind"]);
    let (budgets, tables) = (budgets(rows), tables(rows));
    let text = format!(
        "{head}\n\n### Budgets\n\nOf a layer alone, or of the four by hand, over bare.\n\n{budgets}\n{tables}"
    );
    page::rewrite(manifest, "overhead", rows, &text)
}
