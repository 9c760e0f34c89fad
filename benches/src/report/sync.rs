//! The tables of `sync`.

use std::{fmt::Write, path::Path};

use super::{
    Row,
    budgets::{self, Bound, Budget, Of},
    machine, page,
    table::number,
    value,
};
use crate::{
    Error,
    sync::{CASES, SUBJECTS, What},
};

/// The packages whose versions determine the numbers.
const PACKAGES: &[&str] = &["hyper", "hyper-util", "futures-util", "tokio", "tower"];

const fn own(what: &'static str, case: &'static str, measure: &'static str, bound: Bound) -> Budget {
    Budget { what, case, subject: "martello_upsert", measure, of: Of::Itself, bound }
}

const BUDGETS: &[Budget] = &[
    own("five lanes that hardly wait", "even", "efficiency", Bound::Least(0.98)),
    own("five lanes that hardly wait", "one_in_fifty_slow", "efficiency", Bound::Least(0.98)),
    own("a million, above the start", "stream_1000000", "peak_mib", Bound::Most(64.0)),
];

/// The bounds, in Markdown.
#[must_use]
pub fn budgets(rows: &[Row]) -> String {
    budgets::table(BUDGETS, rows)
}

/// A table for each case, in Markdown.
#[must_use]
pub fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    for (case, what) in CASES {
        let (head, measures) = columns(*what);
        let _ = writeln!(text, "### `{case}`\n\n{head}");
        for subject in SUBJECTS {
            let found = measures.iter().map(|measure| number(value(rows, case, subject, measure), 3));
            let _ = writeln!(text, "| `{subject}` | {} |", found.collect::<Vec<_>>().join(" | "));
        }
        text.push('\n');
    }
    text
}

fn columns(what: What) -> (&'static str, &'static [&'static str]) {
    match what {
        What::Efficiency { .. } => (
            "| subject | efficiency | ms of the server's, mean |\n|---|---|---|",
            &["efficiency", "latency_ms"],
        ),
        What::Memory { .. } => (
            "| subject | MiB above the start | µs per entity |\n|---|---|---|",
            &["peak_mib", "us_per_entity"],
        ),
        What::Allocations => ("| subject | allocations per entity |\n|---|---|", &["allocations"]),
    }
}

/// Writes `results/sync.json`, and the tables of the page between its two marks.
///
/// # Errors
///
/// When a file cannot be written, or the page has no marks.
pub fn rewrite(manifest: &Path, rows: &[Row]) -> Result<(), Error> {
    let head = machine::about(manifest, PACKAGES, &[]);
    let (budgets, tables) = (budgets(rows), tables(rows));
    page::rewrite(manifest, "sync", rows, &format!("{head}\n\n### Budgets\n\n{budgets}\n{tables}"))
}
