//! `martello dead edit`: stores a corrected revision of a request.

mod editor;
mod message;
mod options;

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use http::HeaderMap;
use martello_log::Redaction;
use martello_outbox::{Change, Detail, Entry, InvalidEntry, Revision, State, StoreError, StoredRequest};
use serde_json::json;

use crate::{
    Context,
    args::EditArgs,
    confirm, entries,
    error::{CommandError, Exit},
    files,
    interrupt::unless_interrupted,
};

/// The largest file that is read, in bytes: no outbox stores a larger body.
const MOST: u64 = 64 * 1024 * 1024;

/// Stores a new revision.
///
/// NOTE: this does not use `Outbox::edit`, which seals the body; the command has no key. A sealed body cannot
/// be changed, the rest of the request can.
pub(super) async fn edit(context: &mut Context, args: EditArgs) -> Result<Exit, CommandError> {
    for (name, path) in [("--body-file", &args.body_file), ("--request-file", &args.request_file)] {
        path.as_deref().map_or(Ok(()), |path| context.files.reads(name, path))?;
    }
    let detail = entries::detail(&*context.store, args.id).await?;
    if detail.entry.state != State::Dead {
        return Err(StoreError::conflict(args.id, detail.entry.state, State::Dead).into());
    }
    let last = detail.revisions.last();
    let last = last.ok_or_else(|| {
        CommandError::other("the store has no request for this entry: run `martello doctor`")
    })?;
    if let Some(path) = &args.request_file {
        let draft = message::parse(&text(&read(path)?)?, &last.request)?;
        revise(context, &detail, last, draft).await
    } else if options::is_any(&args) {
        revise(context, &detail, last, options::apply(&args, &last.request)?).await
    } else if confirm::is_interactive() {
        let written = editor::edit(&last.request).await?;
        let revised = match written.draft(&last.request) {
            Ok(draft) => unless_interrupted(revise(context, &detail, last, draft)).await,
            Err(error) => Err(error),
        };
        revised.map_err(|error| written.keep(error))
    } else {
        Err(CommandError::usage(
            "nothing to change: give --body, --body-file, --header, --remove-header, --url or --method",
        ))
    }
}

/// Stores the draft as the next revision, unless it equals the last one.
async fn revise(
    context: &mut Context,
    detail: &Detail,
    last: &Revision,
    draft: StoredRequest,
) -> Result<Exit, CommandError> {
    if draft == last.request {
        context.out.note("the request is unchanged; no revision was stored")?;
        return print(context, &detail.entry, None);
    }
    let request = checked(draft, &last.request)?;
    warn(context, detail, &request)?;
    let key = request.idempotency_key().map(str::to_owned);
    let change = Change::Edit { on: last.number, request: Box::new(request) };
    let entry = context.store.change(detail.entry.id, change).await?;
    print(context, &entry, key.as_deref())
}

/// Checks the draft and gives it a new `Idempotency-Key`, because the server must treat it as another
/// request.
///
/// # Errors
///
/// If the draft has a header that an outbox does not store. A header that the last revision already has is
/// allowed.
fn checked(draft: StoredRequest, last: &StoredRequest) -> Result<StoredRequest, CommandError> {
    // Rejects userinfo in the URL, which `StoredRequest::new` would remove silently.
    draft.check()?;
    let mut headers: HeaderMap = draft.headers;
    headers.remove("idempotency-key");
    StoredRequest::assign_idempotency_key(&draft.method, &mut headers);
    let redaction = last.headers.keys().fold(Redaction::default(), |redaction, name| {
        redaction.clone().show_header(name).unwrap_or(redaction)
    });
    let mut request = StoredRequest::new(&draft.method, &draft.uri, &headers, draft.body, &redaction)?;
    request.sealed = draft.sealed;
    match headers.keys().find(|name| !request.headers.contains_key(*name)) {
        Some(name) if redaction.hides(name) => Err(CommandError::usage(format!(
            "header {name} carries credentials, which are never stored: add it in the worker's stack"
        ))),
        Some(name) => Err(CommandError::usage(format!(
            "header {name} belongs to a connection: the client sets it, so leave it out"
        ))),
        None => Ok(request),
    }
}

/// Warns about a change that is allowed, but may be a mistake.
fn warn(context: &mut Context, detail: &Detail, request: &StoredRequest) -> io::Result<()> {
    let kind = request.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_json = kind.is_some_and(|kind| kind.contains("json"));
    if is_json && !request.sealed && serde_json::from_slice::<serde::de::IgnoredAny>(&request.body).is_err() {
        context.out.note("warning: the content type is JSON, but the body is not valid JSON")?;
    }
    let entry = &detail.entry;
    if let Some(key) = entry.order_key.as_ref().filter(|_| request.uri != entry.uri) {
        context.out.note(format_args!("note: the URL changed, but the order key is still {key}"))?;
    }
    Ok(())
}

fn print(context: &mut Context, entry: &Entry, key: Option<&str>) -> Result<Exit, CommandError> {
    let (id, number) = (entry.id, entry.revision);
    let out = &mut context.out;
    if out.is_json() {
        out.document(
            &json!({ "id": id, "revision": number, "changed": key.is_some(), "idempotency_key": key }),
        )?;
    } else if let Some(key) = key {
        out.line(format_args!("stored revision {number} of {id}, with Idempotency-Key {key}"))?;
        out.note(format_args!("to send it: martello dead replay {id}"))?;
    }
    Ok(Exit::Success)
}

/// Reads a file, or standard input if the path is `-`.
fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let unread = |error| CommandError::usage(format!("failed to read {}", path.display())).with_source(error);
    let mut bytes = Vec::new();
    let read = if files::is_stdin(path) {
        io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes))
    };
    if read.map_err(unread)? as u64 > MOST {
        return Err(InvalidEntry::new("body", "at most 64 MiB").into());
    }
    Ok(bytes)
}

fn text(bytes: &[u8]) -> Result<String, CommandError> {
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    text.map_err(|_| CommandError::usage("the request is not UTF-8 text: use --body-file for a binary body"))
}
