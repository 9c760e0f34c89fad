//! Measures everything, prints a table and writes `results/overhead.json`; see the README beside the manifest.
//!
//! `overhead one|instructions|allocations --case <case> --subject <subject> [--drive ready|oneshot|both] [--runs <n>]`
//! does one thing only: `one` is what callgrind runs.

use std::{env, process::ExitCode};

use martello_benches::{
    case::Case,
    fixture::Error,
    measure::{Bench, allocations, instructions},
    subjects::Drive,
};

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overhead: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<(), Error> {
    let option = |name: &str| {
        let mut words = words.iter();
        words.find(|word| word.as_str() == name).and_then(|_| words.next()).map(String::as_str)
    };
    let case: Case = option("--case").unwrap_or("happy").parse()?;
    let subject = option("--subject").unwrap_or("bare");
    let drive: Drive = option("--drive").unwrap_or("both").parse()?;
    let cannot = || format!("{subject} cannot do {case}");
    case.listen()?;
    match words.first().map(String::as_str) {
        Some("one") => {
            let runs = option("--runs").unwrap_or("1000").parse()?;
            Bench::new(case, subject, drive)?.ok_or_else(cannot)?.run(runs)?;
        }
        Some("instructions") => println!("{:.1}", instructions::count_of(case, subject, drive)?),
        Some("allocations") => {
            let found = allocations::count_of(case, subject, drive)?.ok_or_else(cannot)?;
            println!("{} allocations, {} bytes", found.allocations, found.bytes);
        }
        _ => return Err("say one, instructions or allocations".into()),
    }
    Ok(())
}
