//! The cost of writing many entities, one request each, five at a time.

mod efficiency;
mod memory;
mod subjects;

use std::{env, process::Command};

pub use subjects::SUBJECTS;

use crate::{Error, measure::Found, report::Row};

/// A case and its description.
pub const CASES: &[(&str, What)] = &[
    ("even", What::Efficiency { slow: false }),
    ("one_in_fifty_slow", What::Efficiency { slow: true }),
    ("stream_1000", What::Memory { rows: 1_000 }),
    ("stream_100000", What::Memory { rows: 100_000 }),
    ("stream_1000000", What::Memory { rows: 1_000_000 }),
    ("per_entity", What::Allocations),
];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Efficiency { slow: bool },
    Memory { rows: u64 },
    Allocations,
}

/// Measures everything, each number in its own process.
///
/// # Errors
///
/// When a measurement fails.
pub fn run() -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for (case, _) in CASES {
        for subject in SUBJECTS {
            eprintln!("{case} {subject}");
            let output = Command::new(env::current_exe()?).args([*case, *subject]).output()?;
            if !output.status.success() {
                return Err(format!("{case} {subject}: {}", String::from_utf8_lossy(&output.stderr)).into());
            }
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let found = said.lines().filter_map(Found::parse);
            rows.extend(found.map(|found| Row { case, subject, found }));
        }
    }
    Ok(rows)
}

/// Measures one subject in one case, in this process.
///
/// # Errors
///
/// When the case or subject does not exist, or the work was not done.
pub fn one(case: &str, subject: &str) -> Result<Vec<Found>, Error> {
    let (_, what) = CASES.iter().find(|(name, _)| *name == case).ok_or("there is no such case")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match what {
            What::Efficiency { slow } => efficiency::find(subject, *slow).await,
            What::Memory { rows } => memory::find(subject, *rows).await,
            What::Allocations => memory::allocations(subject).await,
        }
    })
}
