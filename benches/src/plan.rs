//! Runs each measure of each subject in its own process.

use std::{env, process::Command};

use crate::{
    Error,
    case::Case,
    measure::{Found, instructions},
    report::Row,
    subjects,
};

/// Measures one case, or all.
///
/// # Errors
///
/// When a measurement fails.
pub fn run(only: Option<Case>) -> Result<Vec<Row>, Error> {
    let countable = instructions::are_countable();
    if !countable {
        eprintln!("Valgrind is not installed here: instructions are left out.");
    }
    let mut rows = Vec::new();
    for case in Case::ALL.into_iter().filter(|case| only.is_none_or(|only| only == *case)) {
        for (subject, file) in subjects::ALL {
            if !subjects::are_built(file) {
                continue;
            }
            eprintln!("{case} {subject}");
            for measure in measures(case).iter().filter(|measure| countable || **measure != "instructions") {
                let found = apart(measure, case, subject)?;
                rows.extend(found.into_iter().map(|found| Row { case: case.name(), subject, found }));
            }
        }
    }
    Ok(rows)
}

fn measures(case: Case) -> &'static [&'static str] {
    match case {
        Case::Loopback => &["throughput"],
        Case::Big503 => &["connections"],
        Case::Wait => &["instructions", "allocations"],
        _ => &["instructions", "allocations", "time"],
    }
}

fn apart(measure: &str, case: Case, subject: &str) -> Result<Vec<Found>, Error> {
    let output = Command::new(env::current_exe()?)
        .args([measure, "--case", case.name(), "--subject", subject])
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{measure} of {subject} in {case}: {said}").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(Found::parse).collect())
}
