use clap::{Args, builder::PossibleValuesParser};
use std::path::PathBuf;

use super::ApiArgs;

const AFTER: &str = "\
Exit codes:
    0  every entity is written or stored in the outbox
    1  some entities were rejected or conflicted: see the report
    2  invalid command line
    3  the outbox cannot be used
    5  some entities failed temporarily, none permanently: run the command again
    7  the run cannot continue: unreadable input, a journal of another run, rejected or missing credentials, or
       https to a port without TLS or http to a port with TLS
  130  interrupted: with --journal, run the same command again to resume

A line is rejected if it is not a JSON object, or if a field that the URL needs is missing or has invalid characters.
The other lines continue.
Entities with the same URL are written in input order. After a PATCH fails temporarily, later entities with that
URL are not attempted. After a PUT or DELETE fails temporarily they are, and each supersedes the failed one.
The first Ctrl-C or SIGTERM gives requests in flight one second to finish; the rest are ambiguous. A second one exits at once.";

/// Write the entities of a file to an API, one request each, several concurrently.
#[derive(Args)]
#[command(after_help = AFTER)]
pub(crate) struct UpsertArgs {
    /// The URL of each entity: {field} is replaced by that field of its line, a number or a string of
    /// letters, digits, '.', '~', '-', '_'.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,
    /// Read the entities from this file, one JSON object per line; the line is the request's body. '-' is
    /// standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Write the result of each entity to this file, one JSON object per line. '-' is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Record finished entities in this file, and skip those that it already has. A journal belongs to one
    /// combination of input content, method, URL with its query, and headers other than credentials.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Store requests that fail temporarily in this outbox, whose worker delivers them: sqlite:PATH or
    /// postgres://… [default without a value: MARTELLO_STORE].
    #[arg(long, value_name = "STORE", num_args = 0..=1, default_missing_value = "")]
    pub(crate) outbox: Option<String>,
    /// Send this many requests concurrently, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) concurrency: u16,
    /// The HTTP method.
    #[arg(long, default_value = "PUT", value_parser = PossibleValuesParser::new(["PUT", "POST", "PATCH", "DELETE"]))]
    pub(crate) method: String,
    #[command(flatten)]
    pub(crate) api: ApiArgs,
}
