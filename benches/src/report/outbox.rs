//! The tables of `outbox`.

use std::{fmt::Write, path::Path};

use super::{
    Row,
    budgets::{self, Bound, Budget, Of},
    machine, page,
    table::{number, ratio},
    value,
};
use crate::{
    Error,
    outbox::{Case, What},
};

/// The packages whose versions determine the numbers.
const PACKAGES: &[&str] = &[
    "rusqlite",
    "libsqlite3-sys",
    "sqlx",
    "tokio",
    "apalis",
    "apalis-sqlite",
    "apalis-postgres",
    "graphile_worker",
];

/// The subjects in the order of the tables, with the source file of each.
const SUBJECTS: &[(&str, &str)] = &[
    ("raw_sqlite", "raw_sqlite.rs"),
    ("martello_sqlite", "martello.rs"),
    ("apalis_sqlite", "apalis_sqlite.rs"),
    ("martello_postgres", "martello.rs"),
    ("apalis_postgres", "apalis_postgres.rs"),
    ("graphile_worker", "graphile_worker.rs"),
];

const fn ratio_of(
    what: &'static str,
    case: &'static str,
    subject: &'static str,
    measure: &'static str,
    least: f64,
) -> Budget {
    Budget { what, case, subject, measure, of: Of::Itself, bound: Bound::Least(least) }
}

const fn claim(what: &'static str, case: &'static str, subject: &'static str, empty: &'static str) -> Budget {
    Budget { what, case, subject, measure: "claim_us_p50", of: Of::Against(empty), bound: Bound::Most(2.0) }
}

const RAW: &str = "stored, against a bare loop of prepared statements";
const FASTER: &str = "stored or delivered, against the faster of apalis and graphile_worker";

const BUDGETS: &[Budget] = &[
    ratio_of(RAW, "sqlite_enqueue_1", "martello_sqlite", "enqueue_ratio", 0.8),
    ratio_of(RAW, "sqlite_enqueue_5", "martello_sqlite", "enqueue_ratio", 0.8),
    ratio_of(RAW, "sqlite_enqueue_64", "martello_sqlite", "enqueue_ratio", 0.8),
    ratio_of("delivered, against apalis", "sqlite_drain", "martello_sqlite", "drain_ratio", 10.0),
    claim("a claim, against an empty store", "sqlite_claim_1000000", "martello_sqlite", "sqlite_claim_0"),
    ratio_of(FASTER, "postgres_enqueue_1", "martello_postgres", "enqueue_ratio", 1.0),
    ratio_of(FASTER, "postgres_enqueue_5", "martello_postgres", "enqueue_ratio", 1.0),
    ratio_of(FASTER, "postgres_enqueue_64", "martello_postgres", "enqueue_ratio", 1.0),
    ratio_of(FASTER, "postgres_drain", "martello_postgres", "drain_ratio", 1.0),
    ratio_of(FASTER, "postgres_drain_100", "martello_postgres", "drain_ratio", 1.0),
    claim(
        "a claim, against an empty store",
        "postgres_claim_1000000",
        "martello_postgres",
        "postgres_claim_0",
    ),
];

/// The bounds, in Markdown.
#[must_use]
pub fn budgets(rows: &[Row]) -> String {
    budgets::table(BUDGETS, rows)
}

/// A table for each case that was measured, in Markdown.
#[must_use]
pub fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    for case in Case::ALL {
        let lines = SUBJECTS.iter().filter_map(|(subject, file)| line(rows, *case, subject, file));
        let lines: Vec<_> = lines.collect();
        if !lines.is_empty() {
            let _ = writeln!(text, "### `{}`\n\n{}\n\n{}", case.name, about(*case), head(*case));
            text.extend(lines.iter().map(|line| format!("{line}\n")));
            text.push('\n');
        }
    }
    text
}

fn about(case: Case) -> String {
    match case.what {
        What::Enqueue { batch: 1 } => String::from("Stored one by one."),
        What::Enqueue { batch } => format!("Stored {batch} in a call."),
        What::Drain { in_flight } => {
            format!("Delivered to a handler that does nothing, {in_flight} claimed and in flight at a time.")
        }
        What::Claim { stored } => {
            format!("One is claimed, with {} more that are due in the store.", number(Some(stored as f64), 0))
        }
        What::Pickup => {
            String::from("From the call that stores a request to its arrival at an idle worker's handler.")
        }
    }
}

fn head(case: Case) -> &'static str {
    match case.what {
        What::Enqueue { .. } => {
            "| subject | requests/s | against `raw_sqlite`, or the faster peer: median (quartiles) |\n|---|---|---|"
        }
        What::Drain { .. } => {
            "| subject | requests/s | against the faster peer: median (quartiles) |\n|---|---|---|"
        }
        What::Claim { .. } => "| subject | µs, median | µs, 99th of 100 |\n|---|---|---|",
        What::Pickup => "| subject | ms: median (quartiles) |\n|---|---|",
    }
}

/// Empty when nothing was measured.
fn line(rows: &[Row], case: Case, subject: &str, file: &str) -> Option<String> {
    let own = |measure: &str| value(rows, case.name, subject, measure);
    let ratio = |measure: &str| ratio(rows, case.name, subject, measure).unwrap_or_else(|| String::from("–"));
    let name = format!("[`{subject}`](src/outbox/subjects/{file})");
    Some(match case.what {
        What::Enqueue { .. } => {
            format!("| {name} | {} | {} |", number(Some(own("enqueue_per_s")?), 0), ratio("enqueue_ratio"))
        }
        What::Drain { .. } => {
            format!("| {name} | {} | {} |", number(Some(own("drain_per_s")?), 0), ratio("drain_ratio"))
        }
        What::Claim { .. } => {
            let (median, tail) = (own("claim_us_p50")?, own("claim_us_p99"));
            format!("| {name} | {} | {} |", number(Some(median), 0), number(tail, 0))
        }
        What::Pickup => {
            own("pickup_ms_p50")?;
            format!("| {name} | {} |", ratio("pickup_ms_p50"))
        }
    })
}

/// Writes `results/outbox.json`, and the tables of the page between its two marks.
///
/// # Errors
///
/// When a file cannot be written, or the page has no marks.
pub fn rewrite(manifest: &Path, rows: &[Row]) -> Result<(), Error> {
    let head = machine::about(manifest, PACKAGES, &["postgres"]);
    let (budgets, tables) = (budgets(rows), tables(rows));
    page::rewrite(manifest, "outbox", rows, &format!("{head}\n\n### Budgets\n\n{budgets}\n{tables}"))
}
