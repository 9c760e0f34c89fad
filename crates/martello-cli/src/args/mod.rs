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
  MARTELLO_STORE  the store, if --store does not say so; a password in it then stands in no list of processes

Exit codes:
    0  all is well
    1  some of it could not be done, was rejected, or the doctor found something
    2  the command line makes no sense
    3  the store cannot be used: not there, no store, of a newer version, full, not to be reached
    4  there is no such entry, queue or replay, its state does not allow it, or a filter matches nothing
    5  only for now: some entities, or a pass, failed in a way that passes; run it again
    7  something else went wrong
  130  interrupted, or not agreed to: what had begun in the store goes on; a sync can be resumed";

/// Synchronise with HTTP APIs that fail now and then, and look after an outbox of stored requests and its dead letters.
#[derive(Parser)]
#[command(name = "martello", version, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Write JSON for programs: one document on stdout, errors as JSON on stderr.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where the outbox is.
#[derive(Args)]
pub(crate) struct StoreArgs {
    /// The store: sqlite:PATH or postgres://USER@HOST/DATABASE?schema=NAME [env: MARTELLO_STORE].
    #[arg(long, global = true, value_name = "STORE", help_heading = "Everywhere")]
    pub(crate) store: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Upsert(Box<UpsertArgs>),
    Poll(Box<PollArgs>),
    /// Items that a poll could not use, and parked beside its checkpoint.
    Parked(ParkedArgs),
    #[command(flatten)]
    Stored(StoreCommand),
}

/// Verbs on a store.
#[derive(Subcommand)]
pub(crate) enum StoreCommand {
    /// Requests that wait, are with a worker, or have ended.
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Requests that were given up on: investigate, correct, replay.
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Examine the store and its queues; exit code 1 if somebody should look at something.
    Doctor(DoctorArgs),
}

#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// How long a request may be due before that is a finding, such as 15m or 2h.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = time::duration)]
    pub(crate) oldest: std::time::Duration,
    /// How many dead letters a queue may have before that is a finding.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) dead: u64,
}
