//! Headers that the command line names.

use std::env;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use martello_log::Redaction;

use crate::{args::ApiArgs, error::CommandError};

/// What frames a message or belongs to one connection (RFC 9110 §7.6.1, §10.1.1), and what the URL says: the
/// client puts them in.
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

/// Those that stand on the command line, where every user of the machine reads them. What is wrong with one is
/// told without its value, which may be a secret all the same.
pub(crate) fn plain(args: &ApiArgs) -> Result<Vec<(HeaderName, HeaderValue)>, CommandError> {
    args.headers.iter().map(|line| line_of(line)).collect()
}

fn line_of(line: &str) -> Result<(HeaderName, HeaderValue), CommandError> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| CommandError::usage("--header wants a header such as 'accept-language: nl'"))?;
    let name = name_of("--header", name)?;
    if Redaction::default().hides(&name) {
        return Err(CommandError::usage(format!(
            "--header {name}: credentials are not for the command line, where every user of this machine reads them: use \
             --header-env {name}=VARIABLE, or --token-env, --token-file or --token-command"
        )));
    }
    let value = value.trim().parse();
    let value = value
        .map_err(|_| CommandError::usage(format!("--header {name}: its value cannot be sent in a header")))?;
    Ok((name, value))
}

/// Those whose values are in the environment. They are secret whatever their names are.
pub(super) fn secret(args: &ApiArgs) -> Result<HeaderMap, CommandError> {
    let has_token = args.token_env.is_some() || args.token_file.is_some() || args.token_command.is_some();
    let mut headers = HeaderMap::new();
    for argument in &args.secret_headers {
        let expected =
            || CommandError::usage("--header-env wants NAME=VARIABLE, such as x-api-key=ORDERS_KEY");
        let (name, variable) = argument.split_once('=').ok_or_else(expected)?;
        let name = name_of("--header-env", name)?;
        if name == header::AUTHORIZATION && has_token {
            return Err(CommandError::usage(
                "--header-env authorization: the token is what goes into authorization",
            ));
        }
        let value = env::var(variable).map_err(|_| {
            CommandError::usage(format!(
                "--header-env {name}: there is no usable {variable} in the environment"
            ))
        })?;
        let value: Result<HeaderValue, _> = value.trim().parse();
        let unusable = |_| {
            CommandError::usage(format!(
                "--header-env {name}: what is in {variable} cannot be sent in a header"
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
        .map_err(|_| CommandError::usage(format!("{option}: this is no name of a header")))?;
    if OF_THE_CLIENT.contains(&name) || name == "keep-alive" || name.as_str().starts_with("proxy-") {
        return Err(CommandError::usage(format!("{option} {name}: the client itself puts that in")));
    }
    Ok(name)
}
