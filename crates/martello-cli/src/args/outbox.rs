use clap::{Args, Subcommand};
use martello_outbox::{Cursor, EntryId, QueueName, State};

use super::{FilterArgs, SelectionArgs, copied};

#[derive(Subcommand)]
pub(crate) enum OutboxCommand {
    /// Show each queue: requests per state, how long the oldest has been due, pauses and holds.
    Stats,
    /// List requests, newest first.
    List(OutboxListArgs),
    /// Show a request: its timeline, attempts, revisions and body.
    Show(ShowArgs),
    /// Pause a queue: workers claim nothing more from it. Deliveries in progress continue.
    Pause(PauseArgs),
    /// Resume a paused queue, and end the holds of its APIs.
    Resume {
        /// The queue's name.
        queue: QueueName,
    },
    /// Cancel waiting requests: they are never delivered.
    Cancel(SelectionArgs),
    /// Turn waiting requests into dead letters, for example to edit them.
    DeadLetter(SelectionArgs),
}

#[derive(Args)]
pub(crate) struct OutboxListArgs {
    /// Match this state: ready, leased, done, dead or cancelled.
    #[arg(long)]
    pub(crate) state: Option<State>,
    #[command(flatten)]
    pub(crate) page: ListArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Which page of a list to show, and whether to mask URLs.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// List at most this many, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    /// Continue after this cursor, which the previous page showed.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<Cursor>,
    /// Show the values of URL queries; they are masked by default.
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The request's id.
    #[arg(value_parser = copied::id::<EntryId>)]
    pub(crate) id: EntryId,
    /// Show this revision of the request [default: the last].
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u32>,
    /// Write only the body, byte for byte.
    #[arg(long, conflicts_with = "reveal")]
    pub(crate) body: bool,
    /// Show the values of the URL's query and of secret headers; they are masked by default.
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Args)]
pub(crate) struct PauseArgs {
    /// The queue's name.
    pub(crate) queue: QueueName,
    /// The reason, which `outbox stats` and `doctor` show.
    #[arg(long, value_name = "TEXT", default_value = "paused by hand")]
    pub(crate) why: String,
}
