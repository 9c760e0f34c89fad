//! Measures the outbox, prints the tables, and writes `results/outbox.json` and the tables of its page.
//!
//! ```text
//! outbox                    everything
//! outbox --case <case>      the cases whose names begin like this; nothing is written
//! outbox --quick            few rounds and small stores, to try it; nothing is written
//! ```

use std::{env, path::Path, process::ExitCode};

use martello_benches::{
    Error,
    outbox::{self, Case, Engine, Place, Size},
    report,
};
use tokio::runtime;

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    // Two threads for every subject.
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let measured = runtime.map_err(Error::from).and_then(|runtime| runtime.block_on(measure(&words)));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outbox: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(words: &[String]) -> Result<(), Error> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let size = if words.iter().any(|word| word == "--quick") { Size::Quick } else { Size::Whole };
    let mut words = words.iter().skip_while(|word| *word != "--case");
    let mut cases = words.nth(1).map_or_else(|| Ok(Case::ALL.to_vec()), |name| Case::named(name))?;
    let place = Place::new(manifest).await?;
    if !place.has_server() {
        eprintln!("MARTELLO_TEST_POSTGRES_URL is not set: PostgreSQL is left out.");
        cases.retain(|case| case.engine != Engine::Postgres);
    }
    let rows = outbox::run(&cases, size, &place).await;
    place.clear().await?;
    let rows = rows?;
    println!("{}\n{}", report::outbox::budgets(&rows), report::outbox::tables(&rows));
    // Results of some cases only, or without optimisation, must not be written.
    let whole = cases.len() == Case::ALL.len() && size == Size::Whole && cfg!(feature = "peers");
    if whole && !cfg!(debug_assertions) {
        report::outbox::rewrite(manifest, &rows)?;
    }
    Ok(())
}
