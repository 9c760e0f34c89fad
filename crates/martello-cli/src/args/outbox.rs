use clap::{Args, Subcommand};
use martello_outbox::{Cursor, EntryId, QueueName, State};

use super::{FilterArgs, SelectionArgs, copied};

#[derive(Subcommand)]
pub(crate) enum OutboxCommand {
    /// How many requests each queue has in each state, how long the oldest has been due, and whether it is paused.
    Stats,
    /// List requests, the newest first.
    List(OutboxListArgs),
    /// Show all that is known of a request: timeline, attempts, revisions, body.
    Show(ShowArgs),
    /// Let workers take nothing more from a queue. What they have goes on.
    Pause(PauseArgs),
    /// End the pause of a queue, and the holds of its APIs.
    Resume {
        /// The queue.
        queue: QueueName,
    },
    /// Call off requests that wait.
    Cancel(SelectionArgs),
    /// Make dead letters of requests that wait, to look at them in peace.
    Bury(SelectionArgs),
}

#[derive(Args)]
pub(crate) struct OutboxListArgs {
    /// In this state: ready, leased, done, dead or cancelled.
    #[arg(long)]
    pub(crate) state: Option<State>,
    #[command(flatten)]
    pub(crate) page: ListArgs,
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
}

/// Which part of a list, and how much of each URL.
#[derive(Args)]
pub(crate) struct ListArgs {
    /// How many at most, from 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
    /// Go on after this place, which the page before named.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<Cursor>,
    /// Show URLs with the values of their queries, which are masked otherwise.
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Args)]
pub(crate) struct ShowArgs {
    /// The request.
    #[arg(value_parser = copied::id::<EntryId>)]
    pub(crate) id: EntryId,
    /// Another revision of the request than the last.
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u32>,
    /// Write nothing but the body, byte for byte.
    #[arg(long, conflicts_with = "reveal")]
    pub(crate) body: bool,
    /// Show the URL with the values of its query and every header in full; they are masked otherwise.
    #[arg(long)]
    pub(crate) reveal: bool,
}

#[derive(Args)]
pub(crate) struct PauseArgs {
    /// The queue.
    pub(crate) queue: QueueName,
    /// Why, for whoever finds it paused.
    #[arg(long, value_name = "TEXT", default_value = "paused by hand")]
    pub(crate) why: String,
}
