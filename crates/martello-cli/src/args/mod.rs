//! The command line, as `--help` shows it.

mod api;
mod copied;
mod dead;
mod filter;
mod outbox;
mod poll;
mod selection;
mod time;
mod upsert;

use clap::{Args, Parser, Subcommand};

pub(crate) use api::ApiArgs;
pub(crate) use dead::{DeadCommand, DeadListArgs, EditArgs, ExportArgs, ReplayArgs, ReplaysCommand};
pub(crate) use filter::FilterArgs;
pub(crate) use outbox::{ListArgs, OutboxCommand, OutboxListArgs, ShowArgs};
pub(crate) use poll::{PaceArgs, PageArgs, ParkedArgs, ParkedCommand, ParkedSelection, PollArgs};
pub(crate) use selection::{BulkArgs, Selection, SelectionArgs};
pub(crate) use time::Rate;
pub(crate) use upsert::UpsertArgs;

const AFTER: &str = "\
Environment:
  MARTELLO_STORE  the store to use without --store; keeps a password in the URL out of the process list

Exit codes:
    0  success
    1  partial success: some items failed or were rejected, or `doctor` found a problem
    2  invalid command line
    3  the store cannot be used: it does not exist, is not a Martello store, has a newer schema, is full or unreachable
    4  no such entry, queue or replay; the entry's state does not allow the change; or the filter matches nothing
    5  temporary failure of some entities or of a pass: run the command again
    7  any other error
  130  interrupted or not confirmed: a replay that has started continues; run `upsert` or `poll` again to resume";

/// Send entities to and read changes from unreliable HTTP APIs; inspect an outbox and repair its dead
/// letters.
#[derive(Parser)]
#[command(name = "martello", version, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Write JSON: one document on stdout, errors on stderr.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the outbox is.
#[derive(Args)]
pub(crate) struct StoreArgs {
    /// The store: sqlite:PATH or postgres://USER@HOST/DATABASE?schema=NAME [env: MARTELLO_STORE].
    #[arg(long, global = true, value_name = "STORE", help_heading = "Global options")]
    pub(crate) store: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Upsert(Box<UpsertArgs>),
    Poll(Box<PollArgs>),
    /// List, print again or discard the items that a poll set aside because it could not use them.
    Parked(ParkedArgs),
    #[command(flatten)]
    Stored(StoreCommand),
}

/// The commands that need a store.
#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// List, pause, cancel and dead-letter the requests of an outbox.
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Inspect, edit, replay, export and purge dead letters: requests that the worker gave up on.
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Check the store and its queues; exit with 1 if anything needs attention.
    Doctor(DoctorArgs),
}

#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// Report a queue whose oldest due request has waited longer than this, such as 15m or 2h.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = time::duration)]
    pub(crate) oldest: std::time::Duration,
    /// Report a queue with more dead letters than this.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) dead: u64,
}
