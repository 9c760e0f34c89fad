//! Parses `--header` and `--header-env`.

use std::env;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use martello_log::Redaction;

use crate::{args::ApiArgs, error::CommandError};

/// Headers that the client sets: message framing, connection headers (RFC 9110 §7.6.1, §10.1.1) and `Host`.
const OF_THE_CLIENT: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Parses `--header`, which every user of the machine can read. Errors do not repeat the value, which may be
/// a secret despite its name.
pub(crate) fn plain(args: &ApiArgs) -> Result<Vec<(HeaderName, HeaderValue)>, CommandError> {
    args.headers.iter().map(|line| line_of(line)).collect()
}

fn line_of(line: &str) -> Result<(HeaderName, HeaderValue), CommandError> {
    let (name, value) = line.split_once(':').ok_or_else(|| {
        CommandError::usage("--header has no colon: write it as 'NAME: VALUE', such as 'accept-language: nl'")
    })?;
    let name = name_of("--header", name)?;
    if Redaction::default().hides(&name) {
        return Err(CommandError::usage(format!(
            "--header {name}: credentials are not allowed on the command line, which every user of this machine can \
             read: use --header-env {name}=VARIABLE, --token-env, --token-file or --token-command"
        )));
    }
    let value = value.trim().parse();
    let value = value.map_err(|_| {
        CommandError::usage(format!("--header {name}: the value has characters that a header cannot contain"))
    })?;
    Ok((name, value))
}

/// Reads `--header-env`. The values are marked as sensitive, whatever their names are.
pub(super) fn secret(args: &ApiArgs) -> Result<HeaderMap, CommandError> {
    let has_token = args.token_env.is_some() || args.token_file.is_some() || args.token_command.is_some();
    let mut headers = HeaderMap::new();
    for argument in &args.secret_headers {
        let expected = || {
            CommandError::usage(
                "--header-env has no '=': write it as NAME=VARIABLE, such as x-api-key=ORDERS_KEY",
            )
        };
        let (name, variable) = argument.split_once('=').ok_or_else(expected)?;
        let name = name_of("--header-env", name)?;
        if name == header::AUTHORIZATION && has_token {
            return Err(CommandError::usage(
                "--header-env authorization conflicts with the token, which sets authorization: give only one",
            ));
        }
        let value = env::var(variable).map_err(|_| {
            CommandError::usage(format!(
                "--header-env {name}: environment variable {variable} is not set or is not text"
            ))
        })?;
        let value: Result<HeaderValue, _> = value.trim().parse();
        let unusable = |_| {
            CommandError::usage(format!(
                "--header-env {name}: the value of {variable} has characters that a header cannot contain"
            ))
        };
        let mut value = value.map_err(unusable)?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn name_of(option: &str, name: &str) -> Result<HeaderName, CommandError> {
    let name: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| CommandError::usage(format!("{option}: the header name is invalid")))?;
    if OF_THE_CLIENT.contains(&name) || name == "keep-alive" || name.as_str().starts_with("proxy-") {
        return Err(CommandError::usage(format!(
            "{option} {name}: the client sets this header; leave it out"
        )));
    }
    Ok(name)
}
