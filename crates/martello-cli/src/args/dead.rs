use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::{HeaderName, Method};
use martello_outbox::{EntryId, JobId};

use super::{FilterArgs, ListArgs, Rate, SelectionArgs, ShowArgs, copied};

#[derive(Subcommand)]
pub(crate) enum DeadCommand {
    /// List dead letters, newest first.
    List(DeadListArgs),
    /// Show a dead letter: its timeline, attempts with tracking ids, revisions and body.
    Show(ShowArgs),
    /// Store a corrected revision of a request, with a new Idempotency-Key. Earlier revisions remain.
    ///
    /// Without an option that changes something, opens the request in $VISUAL or $EDITOR.
    Edit(EditArgs),
    /// Put dead letters back into their queues, to be delivered again.
    ///
    /// On a terminal, waits for the results; Ctrl-C stops the waiting, not the replay. A replay by filter is
    /// a job in the store: `martello dead replays` lists, watches and cancels it.
    Replay(ReplayArgs),
    /// List, watch or cancel replays by filter.
    Replays {
        #[command(subcommand)]
        action: Option<ReplaysCommand>,
    },
    /// Delete dead letters permanently, except protected ones.
    Purge(SelectionArgs),
    /// Write dead letters as NDJSON, with all attempts and revisions, and nothing masked.
    Export(ExportArgs),
    /// Protect dead letters from purges.
    Protect(SelectionArgs),
    /// Let purges delete these dead letters again.
    Unprotect(SelectionArgs),
}

#[derive(Args)]
pub(crate) struct DeadListArgs {
    #[command(flatten)]
    pub(crate) page: ListArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

#[derive(Args)]
pub(crate) struct EditArgs {
    /// The dead letter's id.
    #[arg(value_parser = copied::id::<EntryId>)]
    pub(crate) id: EntryId,
    /// Set the method.
    #[arg(long)]
    pub(crate) method: Option<Method>,
    /// Set the URL, which must be absolute.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Set a header, as 'Name: value', replacing all headers of that name. Repeatable.
    #[arg(long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// Remove all headers of this name. Repeatable.
    #[arg(long = "remove-header", value_name = "NAME")]
    pub(crate) removed: Vec<HeaderName>,
    /// Set the body to this text.
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    pub(crate) body: Option<String>,
    /// Set the body to the contents of this file; '-' is standard input. Must not be empty.
    #[arg(long, value_name = "FILE")]
    pub(crate) body_file: Option<PathBuf>,
    /// Accept an empty --body-file as an empty body.
    #[arg(long, requires = "body_file")]
    pub(crate) allow_empty_body: bool,
    /// Read the whole request from this file, in the format that the editor shows; '-' is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "url", "headers", "removed", "body", "body_file"])]
    pub(crate) request_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// Replay this many per unit of time when a filter or --all selects them, such as 30/min or 500/h
    /// [default: 10/s].
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,
    /// Also replay dead letters that a newer request of the same order key has overtaken; this overwrites
    /// newer data.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Wait for the results, also without a terminal or with --json.
    #[arg(long, conflicts_with = "detach")]
    pub(crate) watch: bool,
    /// Do not wait for the results.
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Subcommand)]
pub(crate) enum ReplaysCommand {
    /// List replays, newest first.
    List,
    /// Wait until a replay is done, and show its results.
    Watch {
        /// The replay's id.
        #[arg(value_parser = copied::id::<JobId>)]
        job: JobId,
    },
    /// Cancel a replay: requests that no worker has claimed yet become dead letters again.
    Cancel {
        /// The replay's id.
        #[arg(value_parser = copied::id::<JobId>)]
        job: JobId,
    },
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Write to this file, replaced as a whole; only its owner can read it [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
