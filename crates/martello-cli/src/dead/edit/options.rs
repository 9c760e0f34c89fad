//! Changes that were named on the command line.

use std::path::Path;

use http::{HeaderName, HeaderValue, Uri, uri::InvalidUri};
use martello_outbox::StoredRequest;

use crate::{args::EditArgs, error::CommandError};

/// Whether any was.
pub(super) fn is_any(args: &EditArgs) -> bool {
    args.method.is_some()
        || args.url.is_some()
        || !args.headers.is_empty()
        || !args.removed.is_empty()
        || args.body.is_some()
        || args.body_file.is_some()
}

/// The request with these changes.
pub(super) fn apply(args: &EditArgs, last: &StoredRequest) -> Result<StoredRequest, CommandError> {
    let mut draft = last.clone();
    if let Some(method) = &args.method {
        draft.method.clone_from(method);
    }
    if let Some(url) = &args.url {
        draft.uri = self::url(url)?;
    }
    for name in &args.removed {
        draft.headers.remove(name);
    }
    let set: Vec<_> = args.headers.iter().map(|line| header(line)).collect::<Result<_, _>>()?;
    for (name, _) in &set {
        draft.headers.remove(name);
    }
    for (name, value) in set {
        draft.headers.append(name, value);
    }
    let body = match (&args.body, &args.body_file) {
        (Some(text), _) => Some(text.clone().into_bytes()),
        (None, Some(path)) => Some(from_file(path, args.allow_empty_body)?),
        (None, None) => None,
    };
    if let Some(body) = body {
        if draft.sealed {
            return Err(CommandError::usage("its body is sealed: only a program with the key can change it"));
        }
        draft.body = body.into();
    }
    Ok(draft)
}

/// A program that fails writes nothing into its pipe, and that is no body that anybody wants to send.
fn from_file(path: &Path, may_be_empty: bool) -> Result<Vec<u8>, CommandError> {
    let body = super::read(path)?;
    if body.is_empty() && !may_be_empty {
        let path = path.display().to_string();
        let what = if path == "-" { "the standard input" } else { &path };
        return Err(CommandError::usage(format!(
            "{what} is empty: check the program that writes it, or add --allow-empty-body"
        )));
    }
    Ok(body)
}

pub(super) fn url(text: &str) -> Result<Uri, CommandError> {
    text.parse().map_err(|error: InvalidUri| CommandError::usage("the url is none").with_source(error))
}

/// A header line. Its value may have bytes that are not ASCII, as characters up to U+00FF.
pub(super) fn header(line: &str) -> Result<(HeaderName, HeaderValue), CommandError> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| CommandError::usage("a header must be written as 'Name: value'"))?;
    let named = HeaderName::from_bytes(name.as_bytes());
    let name = named.map_err(|_| CommandError::usage(format!("{name:?} is no name of a header")))?;
    if name == "idempotency-key" {
        return Err(CommandError::usage(
            "a revision gets an idempotency-key of its own: leave the header out",
        ));
    }
    let bytes: Result<Vec<u8>, _> = value.trim_matches([' ', '\t']).chars().map(u8::try_from).collect();
    let value = bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
    let value =
        value.ok_or_else(|| CommandError::usage(format!("the value of {name} must be one line of text")))?;
    Ok((name, value))
}
