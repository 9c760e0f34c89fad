use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{ApiArgs, BulkArgs, time};

const AFTER: &str = "\
Exit codes:
    0  all was written; also when the reader of the output goes away
    1  with --once: some items could not be used, and are parked
    2  the command line makes no sense
    5  with --once: the pass could not be ended for now: run it again
    7  it could not go on: a checkpoint that is cut off or of another source, credentials that are refused or missing, no room,
       no TLS or none but TLS at the port; with --once also a request that is refused without a Retry-After, pages that run in
       a circle, lead to another origin, are too large or make no sense
  130  interrupted: the same command goes on

With --once it waits for no more than a minute where the server asks for more, but ends with 5 and says until when.
An item counts as seen when its line was written and flushed, and not before. Killed in between, it comes again.";

/// Print what changed since, a line of JSON each, pass after pass.
#[derive(Args)]
#[command(after_help = AFTER)]
pub(crate) struct PollArgs {
    /// What to ask: {since} is the value of the query parameter that bears the moment.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// Where it stands is kept in this file; beside it what is parked, in FILE.parked.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,
    /// An item's key: a field with a text or a number.
    #[arg(long, value_name = "FIELD", default_value = "id")]
    pub(crate) key: String,
    /// An item's stamp, by which the API filters: a field with a time such as 2026-11-28T16:00:00Z.
    #[arg(long, value_name = "FIELD", default_value = "updated_at")]
    pub(crate) stamp: String,
    /// Print this field of each item in place of all of it.
    #[arg(long, value_name = "FIELD")]
    pub(crate) print: Option<String>,
    /// Make one pass, and end.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) pages: PageArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// What a page looks like.
#[derive(Args)]
#[command(next_help_heading = "Pages")]
pub(crate) struct PageArgs {
    /// Where a page has its items: a field, or a JSON Pointer [default: data; with --link, the page is the list].
    #[arg(long, value_name = "PLACE")]
    pub(crate) items: Option<String>,
    /// Take null in the place of the items for an empty page; otherwise it is a failure.
    #[arg(long)]
    pub(crate) null_is_empty: bool,
    /// Where a page has the next one's cursor, as a JSON Pointer [default: /cursor/next, else /cursors/next].
    #[arg(long, value_name = "PLACE")]
    pub(crate) cursor: Option<String>,
    /// The query parameter that bears a cursor.
    #[arg(long, value_name = "NAME", default_value = "cursor")]
    pub(crate) cursor_parameter: String,
    /// Follow the Link header with rel="next" instead of a cursor.
    #[arg(long, conflicts_with_all = ["cursor", "cursor_parameter"])]
    pub(crate) link: bool,
    /// Ask for so many items in a page, such as limit=100. Unlike in the URL, it can be changed later.
    #[arg(long, value_name = "NAME=N", value_parser = page_size)]
    pub(crate) page_size: Option<(String, u32)>,
}

/// When, and from when, to ask.
#[derive(Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// From one pass to the next; up to four times that while nothing is new.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = time::duration)]
    pub(crate) interval: Duration,
    /// How long after its stamp an item may still appear: each pass begins so far behind the last.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = time::duration)]
    pub(crate) overlap: Duration,
    /// Where the first pass begins: a time, or how long ago, such as 30d. Without it, {since} is left out then. It is kept in the
    /// checkpoint: how long ago counts from the first run, also after a restart and where everything is asked for again,
    /// as long as the source lists that.
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    pub(crate) from: Option<Timestamp>,
    /// Take a stamp without a zone for UTC; otherwise its item is parked.
    #[arg(long)]
    pub(crate) utc: bool,
    /// Where the checkpoint is of another source, forget it and ask for everything. The URL, the items, the key, the stamp and every
    /// --header that is no credential make another source.
    #[arg(long)]
    pub(crate) resync: bool,
}

fn page_size(text: &str) -> Result<(String, u32), String> {
    let parsed = text.split_once('=').and_then(|(name, items)| Some((name, items.parse().ok()?)));
    let (name, items) =
        parsed.filter(|(name, items)| !name.is_empty() && *items > 0).ok_or("expected such as limit=100")?;
    Ok((name.to_owned(), items))
}

#[derive(Args)]
pub(crate) struct ParkedArgs {
    /// The checkpoint of the poll.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) checkpoint: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: ParkedCommand,
}

#[derive(Subcommand)]
pub(crate) enum ParkedCommand {
    /// List them, the oldest first, with why they were parked.
    List,
    /// Have the poll print them again, before its next pass.
    Again(ParkedSelection),
    /// Forget them.
    Discard(ParkedSelection),
}

/// Which of them.
#[derive(Args)]
pub(crate) struct ParkedSelection {
    /// By their ids, as they are listed.
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) ids: Vec<u64>,
    /// All of them.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) bulk: BulkArgs,
}
