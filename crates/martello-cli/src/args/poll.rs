use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{ApiArgs, BulkArgs, time};

const AFTER: &str = "\
Exit codes:
    0  success, also when the reader of the output closes it
    1  with --once: some items could not be used and were parked
    2  invalid command line
    5  with --once: the pass failed temporarily; run the command again
    7  the poll cannot continue: a truncated or corrupt checkpoint or one of another source, rejected or missing credentials,
       a full disk, https to a port without TLS or http to a port with TLS; with --once also a request that the server
       rejects without Retry-After, or pages that repeat, lead to another origin, are too large or are invalid
  130  interrupted: run the same command again to resume

With --once, the command waits at most one minute. If the server asks for a longer wait, it exits with 5 and shows until when.
An item counts as seen once its line is written and flushed. If the command is killed before that, it prints the item again.";

/// Print the items that changed since the last pass, one JSON object per line, pass after pass.
#[derive(Args)]
#[command(after_help = AFTER)]
pub(crate) struct PollArgs {
    /// The URL to poll. One query parameter has the value {since}, which is replaced by the time to read
    /// from.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// Keep the position of the poll in this file, and parked items in FILE.parked.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: PathBuf,
    /// The field with an item's key, a string or a number.
    #[arg(long, value_name = "FIELD", default_value = "id")]
    pub(crate) key: String,
    /// The field with an item's stamp, the time by which the API filters, such as 2026-11-28T16:00:00Z.
    #[arg(long, value_name = "FIELD", default_value = "updated_at")]
    pub(crate) stamp: String,
    /// Print only this field of each item.
    #[arg(long, value_name = "FIELD")]
    pub(crate) print: Option<String>,
    /// Make one pass and exit.
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) pages: PageArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}

/// The format of a page.
#[derive(Args)]
#[command(next_help_heading = "Pages")]
pub(crate) struct PageArgs {
    /// The list of items within a page: a field or a JSON Pointer [default: data; with --link, the page
    /// itself].
    #[arg(long, value_name = "PLACE")]
    pub(crate) items: Option<String>,
    /// Treat null instead of a list of items as an empty page; by default it is an error.
    #[arg(long)]
    pub(crate) null_is_empty: bool,
    /// The next page's cursor within a page, as a JSON Pointer [default: /cursor/next, else /cursors/next].
    #[arg(long, value_name = "PLACE")]
    pub(crate) cursor: Option<String>,
    /// The query parameter for a cursor.
    #[arg(long, value_name = "NAME", default_value = "cursor")]
    pub(crate) cursor_parameter: String,
    /// Follow the Link header with rel="next" instead of a cursor.
    #[arg(long, conflicts_with_all = ["cursor", "cursor_parameter"])]
    pub(crate) link: bool,
    /// Request this many items per page, such as limit=100. Unlike a parameter in --url, it may change
    /// between runs.
    #[arg(long, value_name = "NAME=N", value_parser = page_size)]
    pub(crate) page_size: Option<(String, u32)>,
}

/// When to poll, and from when.
#[derive(Args)]
#[command(next_help_heading = "Schedule")]
pub(crate) struct PaceArgs {
    /// The time from one pass to the next; up to four times that while nothing is new.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = time::duration)]
    pub(crate) interval: Duration,
    /// How long after its stamp an item may first appear. Each pass starts this long before the end of the
    /// last one.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = time::duration)]
    pub(crate) overlap: Duration,
    /// Start the first pass at this time or age, such as 30d [default: no {since} parameter in the first
    /// pass]. An age counts from the first run: the checkpoint keeps the time, also when the poll requests
    /// everything again.
    #[arg(long, value_name = "WHEN", value_parser = time::moment)]
    pub(crate) from: Option<Timestamp>,
    /// Treat a stamp without a time zone as UTC; by default its item is parked.
    #[arg(long)]
    pub(crate) utc: bool,
    /// If the checkpoint belongs to another source, discard it and request everything. A source is the
    /// combination of --url, --items, --key, --stamp and every header other than credentials.
    #[arg(long)]
    pub(crate) resync: bool,
}

fn page_size(text: &str) -> Result<(String, u32), String> {
    let parsed = text.split_once('=').and_then(|(name, items)| Some((name, items.parse().ok()?)));
    let (name, items) = parsed
        .filter(|(name, items)| !name.is_empty() && *items > 0)
        .ok_or("expected NAME=N, such as limit=100")?;
    Ok((name.to_owned(), items))
}

#[derive(Args)]
pub(crate) struct ParkedArgs {
    /// The checkpoint file of the poll.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) checkpoint: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: ParkedCommand,
}

#[derive(Subcommand)]
pub(crate) enum ParkedCommand {
    /// List parked items, oldest first, with the reason.
    List,
    /// Let the poll print parked items again, before its next pass.
    Again(ParkedSelection),
    /// Delete parked items permanently.
    Discard(ParkedSelection),
}

/// Which parked items.
#[derive(Args)]
pub(crate) struct ParkedSelection {
    /// Ids from `parked list`.
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) ids: Vec<u64>,
    /// Select all parked items.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) bulk: BulkArgs,
}
