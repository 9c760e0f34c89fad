use std::path::PathBuf;

use clap::{ArgGroup, Args};
use http::{HeaderName, HeaderValue, header};

/// How to call the API.
#[derive(Args)]
#[command(next_help_heading = "Requests", group = ArgGroup::new("token").multiple(false))]
pub(crate) struct ApiArgs {
    /// Send this header along, such as 'accept-language: nl'. Credentials are not for the command line.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
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

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected a header such as 'accept-language: nl'")?;
    let name: HeaderName = name.trim().parse().map_err(|_| "its name is none".to_owned())?;
    if [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(&name) {
        return Err(
            "credentials are not for the command line: use --token-env, --token-file or --token-command"
                .into(),
        );
    }
    let value = value.trim().parse().map_err(|_| "its value cannot be sent".to_owned())?;
    Ok((name, value))
}
