use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// How to call the API.
#[derive(Args)]
#[command(next_help_heading = "Requests", group = ArgGroup::new("token").multiple(false))]
pub(crate) struct ApiArgs {
    // No value parser on either argument: clap would print a rejected value, which may be a secret.
    /// Add this header to each request, such as 'accept-language: nl'. Repeatable. Rejects credentials,
    /// because every user of the machine can read the command line.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// Add this header with the value of an environment variable, such as x-api-key=ORDERS_KEY. Repeatable.
    /// The value never appears in a journal, report, outbox or message. Requires https, except to loopback.
    #[arg(long = "header-env", value_name = "NAME=VARIABLE", help_heading = "Credentials")]
    pub(crate) secret_headers: Vec<String>,
    /// Send a request that fails and is safe to repeat at most this many times, 1 to 100.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: u32,
    /// Read the bearer token from this environment variable.
    #[arg(long, value_name = "NAME", group = "token", help_heading = "Credentials")]
    pub(crate) token_env: Option<String>,
    /// Read the bearer token from this file, again after a 401 and before the token expires.
    #[arg(long, value_name = "FILE", group = "token", help_heading = "Credentials")]
    pub(crate) token_file: Option<PathBuf>,
    /// Run this shell command to get the bearer token, again after a 401 and before the token expires. It
    /// prints the token alone or {"access_token":"…","expires_in":3600}.
    #[arg(long, value_name = "COMMAND", group = "token", help_heading = "Credentials")]
    pub(crate) token_command: Option<String>,
}
