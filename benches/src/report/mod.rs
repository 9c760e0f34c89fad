//! What was measured, for machines and for readers.

mod budgets;
mod json;
mod machine;
mod readme;
mod table;

pub use budgets::budgets;
pub use json::json;
pub use readme::rewrite;
pub use table::tables;

use crate::{case::Case, measure::Found};

/// One number, and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub case: Case,
    pub subject: &'static str,
    pub found: Found,
}

/// The value of a measure, where there is one.
fn value(rows: &[Row], case: Case, subject: &str, measure: &str) -> Option<f64> {
    let is_it = |row: &&Row| row.case == case && row.subject == subject && row.found.measure == measure;
    rows.iter().find(is_it).map(|row| row.found.value)
}
