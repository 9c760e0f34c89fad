//! The `martello` command.

mod api;
mod args;
mod bulk;
mod confirm;
mod dead;
mod doctor;
mod entries;
mod error;
mod files;
mod interrupt;
mod outbox;
mod output;
mod parked;
mod poll;
mod store_handle;
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
    args::{Cli, Command, StoreArgs, StoreCommand},
    error::{CommandError, Exit},
    files::RunFiles,
    interrupt::unless_interrupted,
    output::{Output, Printable},
    store_handle::StoreHandle,
};

/// The open store, the output and the files of a command that needs a store.
pub(crate) struct Context {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) out: Output,
    /// The files that this run already uses.
    pub(crate) files: RunFiles,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print_clap_error(&error),
    };
    let json = cli.json;
    match run(cli) {
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Partial) => ExitCode::from(1),
        Ok(Exit::Temporary) => ExitCode::from(5),
        Err(error) => {
            write_stderr(&error.render(json));
            ExitCode::from(error.code())
        }
    }
}

fn run(cli: Cli) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| CommandError::other("failed to start the async runtime").with_source(error))?;
    let exit = runtime.block_on(dispatch(cli));
    // Does not wait for threads that block on reading an input or writing an output.
    runtime.shutdown_background();
    exit
}

async fn dispatch(cli: Cli) -> Result<Exit, CommandError> {
    let _guard = interrupt::exit_after_grace(cli.json);
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

async fn in_store(store: &StoreArgs, out: Output, command: StoreCommand) -> Result<Exit, CommandError> {
    let mut files = RunFiles::new();
    if let Some(path) = store_handle::file(store.store.as_deref().unwrap_or_default()) {
        files.store(&path)?;
    }
    let place = unless_interrupted(Box::pin(StoreHandle::open(store))).await?;
    let mut context = Context { store: place.store(), out, files };
    let exit = unless_interrupted(async {
        match command {
            StoreCommand::Outbox(verb) => outbox::run(&mut context, verb).await,
            StoreCommand::Dead(verb) => dead::run(&mut context, verb).await,
            StoreCommand::Doctor(args) => doctor::run(&mut context, &args).await,
        }
    });
    let exit = exit.await;
    let written = context.out.flush();
    place.close().await;
    let exit = exit?;
    written?;
    Ok(exit)
}

/// Writes clap's text: help and version to stdout, a parse error to stderr.
fn print_clap_error(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if !error.use_stderr() {
        // A closed stdout is no error here.
        drop(io::stdout().write_all(text.as_bytes()));
        return ExitCode::SUCCESS;
    }
    let json = env::args_os().any(|argument| argument == "--json");
    if json {
        let message = text.trim().strip_prefix("error: ").unwrap_or(text.trim()).to_owned();
        write_stderr(&CommandError::usage(message).render(true));
    } else {
        write_stderr(&Printable::new(&text).lines().to_string());
    }
    ExitCode::from(2)
}

/// Writes to stderr; a failure to do so has nowhere to be reported.
fn write_stderr(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}
