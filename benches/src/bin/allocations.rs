//! A check for CI: fails when a layer's allocations differ from the table below, on its happy path or with
//! two retries.
//!
//! Allocations are exact, so the table is, too. When a layer improves, lower its number to keep the
//! improvement.

use std::process::ExitCode;

use martello_benches::{Error, case::Case, measure::allocations, subjects::Drive};

/// How many more allocations a call makes with the layer than without it.
const TABLE: &[(&str, Case, f64)] = &[
    ("martello_limit", Case::Happy, 0.0),
    ("martello_limit", Case::Wait, 0.0),
    ("martello_retry", Case::Happy, 1.0),
    ("martello_retry", Case::Retry, 8.0),
    ("martello_tracking", Case::Happy, 3.0),
    ("martello_tracking", Case::HappyNoId, 0.0),
    ("martello_log", Case::Happy, 0.0),
    ("martello_four", Case::Happy, 4.0),
    ("martello_four", Case::HappyNoId, 1.0),
    ("martello_four", Case::Retry, 15.0),
    ("martello_stack", Case::Happy, 4.0),
    ("martello_stack", Case::HappyNoId, 1.0),
];

fn main() -> ExitCode {
    match check() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(wrong) => {
            println!(
                "{wrong} of {} are not as the table in benches/src/bin/allocations.rs says",
                TABLE.len()
            );
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("allocations: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The number of wrong lines in the table.
fn check() -> Result<usize, Error> {
    let mut wrong = 0;
    println!("{:<18} {:<12} {:>8} {:>6}", "subject", "case", "expected", "found");
    for &(subject, case, expected) in TABLE {
        let found = added(subject, case)?;
        let complaint = if found > expected {
            "more than it should"
        } else if found < expected {
            "better: lower the table"
        } else {
            ""
        };
        wrong += usize::from(!complaint.is_empty());
        println!("{subject:<18} {case:<12} {expected:>8} {found:>6} {complaint}");
    }
    Ok(wrong)
}

/// The greater of the two ways to call.
fn added(subject: &str, case: Case) -> Result<f64, Error> {
    // Where every call waits there is no `bare`; it would allocate as much as without waiting.
    let base = if case == Case::Wait { Case::Happy } else { case };
    let mut most = f64::MIN;
    for drive in [Drive::Ready, Drive::Oneshot] {
        most = most.max(allocations_of(subject, case, drive)? - allocations_of("bare", base, drive)?);
    }
    Ok(most)
}

fn allocations_of(subject: &str, case: Case, drive: Drive) -> Result<f64, Error> {
    let found = allocations::find(case, subject, drive)?;
    let allocations = found.iter().find(|found| found.measure == "allocations");
    let allocations = allocations.ok_or_else(|| format!("{subject} cannot do {case}"))?;
    Ok(allocations.value)
}
