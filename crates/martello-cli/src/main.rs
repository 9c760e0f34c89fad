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
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Partial) => ExitCode::from(1),
        Ok(Exit::Temporary) => ExitCode::from(5),
        Err(failure) => {
            tell(&failure.render(json));
            ExitCode::from(failure.code())
        }
    }
}

fn run(cli: Cli) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| CommandError::other("the runtime cannot be started").with_source(error))?;
    let exit = runtime.block_on(dispatch(cli));
    // Nobody waits for the next line of an input, or for the reader of an output.
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
        tell(&CommandError::usage(message).render(true));
    } else {
        tell(&Printable::new(&text).lines().to_string());
    }
    ExitCode::from(2)
}

/// There is nobody to tell that nobody listens.
fn tell(text: &str) {
    drop(io::stderr().write_all(text.as_bytes()));
}
