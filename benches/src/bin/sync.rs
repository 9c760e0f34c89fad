//! Measures the upserts, prints the tables, and writes `results/sync.json` and the tables of its page.
//!
//! ```text
//! sync                      everything
//! sync <case> <subject>     one number; nothing is written
//! ```

use std::{env, path::Path, process::ExitCode};

use martello_benches::{Error, report, sync};

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let measured = match words.as_slice() {
        [] => all(),
        [case, subject] => {
            sync::one(case, subject).map(|found| found.iter().for_each(|found| println!("{found}")))
        }
        _ => Err("give it a case and a subject, or nothing".into()),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sync: {error}");
            ExitCode::FAILURE
        }
    }
}

fn all() -> Result<(), Error> {
    let rows = sync::run()?;
    println!("{}\n{}", report::sync::budgets(&rows), report::sync::tables(&rows));
    // Results without optimisation must not be written.
    if !cfg!(debug_assertions) {
        report::sync::rewrite(Path::new(env!("CARGO_MANIFEST_DIR")), &rows)?;
    }
    Ok(())
}
