//! The `martello` command.

mod api;
mod args;
mod ask;
mod bulk;
mod dead;
mod doctor;
mod entries;
mod failure;
mod files;
mod interrupt;
mod outbox;
mod output;
mod parked;
mod place;
mod poll;
mod upsert;

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use martello_outbox::Store;

use crate::{
    args::{Cli, Command, StoreArgs, Stored},
    failure::{Exit, Failure},
    files::RunFiles,
    interrupt::unless_interrupted,
    output::{Output, Printable},
    place::Place,
};

/// What every verb on a store works with.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) out: Output,
    /// Those that are in use already.
    pub(crate) files: RunFiles,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    let json = cli.json;
    match run(cli) {
        Ok(Exit::Well) => ExitCode::SUCCESS,
        Ok(Exit::Partly) => ExitCode::from(1),
        Ok(Exit::ForNow) => ExitCode::from(5),
        Err(failure) => {
            tell(&failure.told(json));
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::other("the runtime cannot be started").because(error))?;
    let exit = runtime.block_on(dispatch(cli));
    // Nobody waits for the next line of an input, or for the reader of an output.
    runtime.shutdown_background();
    exit
}

async fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let _insisting = interrupt::insist(cli.json);
    let mut out = Output::new(cli.json);
    let exit = match cli.command {
        Command::Upsert(args) => upsert::run(&mut out, *args).await,
        Command::Poll(args) => poll::run(&mut out, *args).await,
        Command::Parked(args) => unless_interrupted(parked::run(&mut out, args)).await,
        Command::Stored(command) => return Box::pin(in_store(&cli.store, out, command)).await,
    };
    let written = out.flush();
    let exit = exit?;
    written?;
    Ok(exit)
}

async fn in_store(store: &StoreArgs, out: Output, command: Stored) -> Result<Exit, Failure> {
    let mut files = RunFiles::new();
    if let Some(path) = place::file(store.store.as_deref().unwrap_or_default()) {
        files.store(&path)?;
    }
    let place = unless_interrupted(Box::pin(Place::open(store))).await?;
    let mut context = Context { store: place.store(), out, files };
    let exit = unless_interrupted(async {
        match command {
            Stored::Outbox(verb) => outbox::run(&mut context, verb).await,
            Stored::Dead(verb) => dead::run(&mut context, verb).await,
            Stored::Doctor(args) => doctor::run(&mut context, &args).await,
        }
    });
    let exit = exit.await;
    let written = context.out.flush();
    place.close().await;
    let exit = exit?;
    written?;
    Ok(exit)
}

/// Help and version are asked for; the rest is a mistake.
fn unparsed(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        // Whoever asked for help and went away does not miss it.
        drop(io::stdout().write_all(text.as_bytes()));
        return ExitCode::SUCCESS;
    }
    let json = env::args_os().any(|argument| argument == "--json");
    if json {
        let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim()).to_owned();
        tell(&Failure::usage(message).told(true));
    } else {
        tell(&Printable::new(&text).lines().to_string());
    }
    ExitCode::from(2)
}

/// There is nobody to tell that nobody listens.
fn tell(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}
