use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// How to call the API.
#[derive(Args)]
#[command(next_help_heading = "Requests", group = ArgGroup::new("token").multiple(false))]
pub(crate) struct ApiArgs {
    // Neither has a parser: clap would repeat what that refuses.
    /// Send this header along, such as 'accept-language: nl'; may be repeated. Credentials are refused here: every user of the
    /// machine reads the command line.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// Send this header along, with the value that is in this environment variable, such as x-api-key=ORDERS_KEY; may be repeated.
    /// It is put on each attempt, and is in no journal, report, outbox or message. Over https only, but for loopback.
    #[arg(long = "header-env", value_name = "NAME=VARIABLE", help_heading = "Credentials")]
    pub(crate) secret_headers: Vec<String>,
    /// Send each request at most so often, if it fails and is safe to repeat: 1 to 100.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: u32,
    /// Send the bearer token that is in this environment variable.
    #[arg(long, value_name = "NAME", group = "token", help_heading = "Credentials")]
    pub(crate) token_env: Option<String>,
    /// Send the bearer token in this file, which is read again after a 401 and before the token expires.
    #[arg(long, value_name = "FILE", group = "token", help_heading = "Credentials")]
    pub(crate) token_file: Option<PathBuf>,
    /// Send the bearer token that this shell command prints, bare or as {"access_token":"…","expires_in":3600}. It is run
    /// again after a 401 and before the token expires.
    #[arg(long, value_name = "COMMAND", group = "token", help_heading = "Credentials")]
    pub(crate) token_command: Option<String>,
}
