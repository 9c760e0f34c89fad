use clap::{Args, builder::PossibleValuesParser};
use std::path::PathBuf;

use super::ApiArgs;

const AFTER: &str = "\
Exit codes:
    0  all entities are written, or in the outbox
    1  some were rejected, or met a conflict: the report says which, and why
    2  the command line makes no sense
    3  the outbox cannot be used
    5  some failed for now, and none for good: run it again
    7  the run could not go on: an input that cannot be read, a journal of another run, credentials that are refused
       or missing, no TLS or none but TLS at the port
  130  interrupted: with a journal, the same command goes on

A line that is no JSON object, lacks a field of the URL, or has one there that does not fit, is a rejected row; the rest goes on.
Those of one key, which is the place that their URL names, go in order. After a PATCH that failed for now, others of its key are not
attempted; after a PUT or DELETE they are, and one to the same URL takes its place.
Ctrl-C or SIGTERM leaves what is in flight a second to come to its end; the rest is ambiguous then. A second one ends at once.";

/// Write the entities of a file, one request each, a few at a time.
#[derive(Args)]
#[command(after_help = AFTER)]
pub(crate) struct UpsertArgs {
    /// Where each goes: {field} stands for that field of its line, a number or a text of letters, digits, '.', '~', '-', '_'.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// The entities, a line of JSON each, which is also the body of its request; '-' is the standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Write what became of each, a line of JSON each; '-' is the standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Keep a journal in this file, and go on from what is in it. One journal is for one run: the content of the input, the method,
    /// the URL with its query, and all headers but credentials.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Store what fails for now in an outbox, for its worker to deliver: sqlite:PATH, postgres://…, or without a value the one
    /// of MARTELLO_STORE.
    #[arg(long, value_name = "STORE", num_args = 0..=1, default_missing_value = "")]
    pub(crate) outbox: Option<String>,
    /// Keep so many requests in flight: 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) concurrency: u16,
    /// How to write them.
    #[arg(long, default_value = "PUT", value_parser = PossibleValuesParser::new(["PUT", "POST", "PATCH", "DELETE"]))]
    pub(crate) method: String,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}
