//! Instructions, counted by callgrind. The difference of two runs of different lengths leaves out start and
//! set-up.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
};

use super::{Bench, Found};
use crate::{Error, case::Case, subjects::Drive};

/// Two lengths with equally many digits, so that the stack starts at the same address in both runs.
const CALLS: (u64, u64) = (1_000, 3_000);

/// Whether this machine has valgrind.
#[must_use]
pub fn are_countable() -> bool {
    let version =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// Instructions per call. `None` when the subject does not support the case.
///
/// # Errors
///
/// When valgrind is missing, or a call fails.
pub fn find(case: Case, subject: &str, drive: Drive) -> Result<Vec<Found>, Error> {
    if Bench::new(case, subject)?.is_none() {
        return Ok(Vec::new());
    }
    let short = run(case, subject, drive, CALLS.0)?;
    let long = run(case, subject, drive, CALLS.1)?;
    let per_call = (long as f64 - short as f64) / (CALLS.1 - CALLS.0) as f64;
    Ok(vec![Found::new("instructions", per_call, "instructions")])
}

fn run(case: Case, subject: &str, drive: Drive, calls: u64) -> Result<u64, Error> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["one", "--case", case.name(), "--subject", subject, "--drive", drive.name()])
        .args(["--runs", &calls.to_string()])
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .current_dir(Path::new("/"))
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(said.into());
    }
    // ==4711== Collected : 123456
    let collected = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    let count = collected.ok_or_else(|| format!("callgrind did not say how much it collected: {said}"))?;
    Ok(count.trim().parse()?)
}
