//! Measures everything, prints a table, and writes `results/overhead.json` and the tables of its page.
//!
//! ```text
//! overhead                                         everything
//! overhead --case <case>                           the table of one case; nothing is written
//! overhead <measure> --case <case> --subject <subject> [--drive ready|oneshot|both]
//! overhead one --case <case> --subject <subject> [--drive …] [--runs <calls>]
//! ```
//!
//! A measure is instructions, allocations, time, throughput or connections. `one` only makes the calls;
//! callgrind runs it.

use std::{env, path::Path, process::ExitCode};

use martello_benches::{
    Error,
    case::Case,
    listener,
    measure::{Bench, Found, allocations, connections, instructions, throughput, time},
    plan,
    report::overhead,
    subjects::Drive,
};

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let done = match words.first().map(String::as_str) {
        Some(measure) if !measure.starts_with("--") => one_thing(measure, &words),
        _ => everything(&words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("overhead: {error}");
            ExitCode::FAILURE
        }
    }
}

fn everything(words: &[String]) -> Result<(), Error> {
    let only = option(words, "--case").map(str::parse::<Case>).transpose()?;
    let rows = plan::run(only)?;
    println!("{}\n{}", overhead::budgets(&rows), overhead::tables(&rows));
    // Results of some cases only, or without optimisation, must not be written.
    let whole = only.is_none() && cfg!(feature = "peers") && instructions::are_countable();
    if whole && !cfg!(debug_assertions) {
        overhead::rewrite(Path::new(env!("CARGO_MANIFEST_DIR")), &rows)?;
    }
    Ok(())
}

fn one_thing(measure: &str, words: &[String]) -> Result<(), Error> {
    let case: Case = option(words, "--case").unwrap_or("happy").parse()?;
    let subject = option(words, "--subject").unwrap_or("bare");
    let drive: Drive = option(words, "--drive").unwrap_or("both").parse()?;
    listener::listen(case)?;
    let found: Vec<Found> = match measure {
        "one" => {
            let calls = option(words, "--runs").unwrap_or("1000").parse()?;
            let bench = Bench::new(case, subject)?;
            bench.ok_or_else(|| format!("{subject} cannot do {case}"))?.run(calls, drive)?;
            Vec::new()
        }
        "instructions" => instructions::find(case, subject, drive)?,
        "allocations" => allocations::find(case, subject, drive)?,
        "time" => time::find(case, subject)?,
        "throughput" => throughput::find(case, subject)?,
        "connections" => connections::find(case, subject)?,
        _ => return Err(format!("{measure} cannot be measured").into()),
    };
    for found in found {
        println!("{found}");
    }
    Ok(())
}

fn option<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let mut words = words.iter();
    words.find(|word| word.as_str() == name).and_then(|_| words.next()).map(String::as_str)
}
