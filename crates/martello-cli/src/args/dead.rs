use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::{HeaderName, Method};
use martello_outbox::{EntryId, JobId};

use super::{FilterArgs, ListArgs, Rate, SelectionArgs, ShowArgs, copied};

#[derive(Subcommand)]
pub(crate) enum DeadCommand {
    /// List dead letters, the newest first.
    List(DeadListArgs),
    /// Show all that is known of a dead letter: timeline, attempts with their Trackingids, revisions, body.
    Show(ShowArgs),
    /// Correct a request: makes a new revision with an Idempotency-Key of its own; the old one stays.
    ///
    /// Without anything to change, it opens the request in $VISUAL or $EDITOR.
    Edit(EditArgs),
    /// Put dead letters back into their queues.
    ///
    /// On a terminal it waits for what becomes of them; interrupted, they go on. By a filter, it is a job in the store:
    /// `martello dead replays` lists and cancels it.
    Replay(ReplayArgs),
    /// The replays by filter and how far they are.
    Replays {
        #[command(subcommand)]
        action: Option<ReplaysCommand>,
    },
    /// Delete dead letters for good, except those that are kept.
    Purge(SelectionArgs),
    /// Write dead letters whole as NDJSON: every attempt and revision, URLs and bodies as they are.
    Export(ExportArgs),
    /// Keep dead letters from purges.
    Keep(SelectionArgs),
    /// Keep them no longer.
    Unkeep(SelectionArgs),
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
    /// The dead letter.
    #[arg(value_parser = copied::id::<EntryId>)]
    pub(crate) id: EntryId,
    /// Another method.
    #[arg(long)]
    pub(crate) method: Option<Method>,
    /// Another URL, absolute.
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Set a header in place of all of its name, as 'Name: value'; may be repeated.
    #[arg(long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// Remove the headers of this name; may be repeated.
    #[arg(long = "remove-header", value_name = "NAME")]
    pub(crate) removed: Vec<HeaderName>,
    /// Another body.
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file")]
    pub(crate) body: Option<String>,
    /// Another body, from a file; - is the standard input. One that is empty is refused.
    #[arg(long, value_name = "FILE")]
    pub(crate) body_file: Option<PathBuf>,
    /// Take an empty file, or an empty standard input, for an empty body.
    #[arg(long, requires = "body_file")]
    pub(crate) allow_empty_body: bool,
    /// The whole request from a file, in the form that the editor shows.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "url", "headers", "removed", "body", "body_file"])]
    pub(crate) request_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ReplayArgs {
    /// How fast those of a filter go: 10/s, which is the default, 30/min, 500/h.
    #[arg(long, value_name = "RATE")]
    pub(crate) rate: Option<Rate>,
    /// Also those whose key was written by a newer request since: it would be overwritten.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Wait for what becomes of them, also without a terminal.
    #[arg(long, conflicts_with = "detach")]
    pub(crate) watch: bool,
    /// Do not wait.
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
}

#[derive(Subcommand)]
pub(crate) enum ReplaysCommand {
    /// List them, the newest first.
    List,
    /// Wait for one.
    Watch {
        /// The replay.
        #[arg(value_parser = copied::id::<JobId>)]
        job: JobId,
    },
    /// Stop one: what no worker has taken yet is a dead letter again.
    Cancel {
        /// The replay.
        #[arg(value_parser = copied::id::<JobId>)]
        job: JobId,
    },
}

#[derive(Args)]
pub(crate) struct ExportArgs {
    /// Into this file, which is written whole or not at all, for its owner alone.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}
