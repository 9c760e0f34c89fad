//! Applies the changes that the command line gives as options.

use std::path::Path;

use http::{HeaderName, HeaderValue, Uri, uri::InvalidUri};
use martello_outbox::StoredRequest;

use crate::{args::EditArgs, error::CommandError};

/// Whether the command line has any such option.
pub(super) fn is_any(args: &EditArgs) -> bool {
    args.method.is_some()
        || args.url.is_some()
        || !args.headers.is_empty()
        || !args.removed.is_empty()
        || args.body.is_some()
        || args.body_file.is_some()
}

/// A copy of the request with the changes.
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
            return Err(CommandError::usage(
                "the body is sealed: only a program that has the key can change it",
            ));
        }
        draft.body = body.into();
    }
    Ok(draft)
}

/// Reads the body from a file. An empty one is an error by default: it may come from a program that failed.
fn from_file(path: &Path, may_be_empty: bool) -> Result<Vec<u8>, CommandError> {
    let body = super::read(path)?;
    if body.is_empty() && !may_be_empty {
        let path = path.display().to_string();
        let what = if path == "-" { "standard input" } else { &path };
        return Err(CommandError::usage(format!(
            "the body from {what} is empty: check what writes it, or add --allow-empty-body"
        )));
    }
    Ok(body)
}

pub(super) fn url(text: &str) -> Result<Uri, CommandError> {
    text.parse().map_err(|error: InvalidUri| CommandError::usage("the URL is invalid").with_source(error))
}

/// Parses a header line. Characters up to U+00FF in the value stand for single bytes.
pub(super) fn header(line: &str) -> Result<(HeaderName, HeaderValue), CommandError> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| CommandError::usage("a header has no colon: write it as 'Name: value'"))?;
    let named = HeaderName::from_bytes(name.as_bytes());
    let name = named.map_err(|_| CommandError::usage(format!("{name:?} is not a valid header name")))?;
    if name == "idempotency-key" {
        return Err(CommandError::usage(
            "idempotency-key cannot be set: each revision gets a new one; leave the header out",
        ));
    }
    let bytes: Result<Vec<u8>, _> = value.trim_matches([' ', '\t']).chars().map(u8::try_from).collect();
    let value = bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok());
    let value = value.ok_or_else(|| {
        CommandError::usage(format!("the value of header {name} is invalid: it must be one line of text"))
    })?;
    Ok((name, value))
}
