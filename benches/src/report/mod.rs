//! Reports of the measurements, as JSON and as Markdown.

mod budgets;
mod json;
mod machine;
#[cfg(feature = "outbox")]
pub mod outbox;
pub mod overhead;
mod page;
#[cfg(feature = "sync")]
pub mod sync;
mod table;

use crate::measure::Found;

/// One number, and what it measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub case: &'static str,
    pub subject: &'static str,
    pub found: Found,
}

/// The value of a measure, if there is one.
fn value(rows: &[Row], case: &str, subject: &str, measure: &str) -> Option<f64> {
    let is_it = |row: &&Row| row.case == case && row.subject == subject && row.found.measure == measure;
    rows.iter().find(is_it).map(|row| row.found.value)
}
