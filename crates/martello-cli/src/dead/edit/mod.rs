//! Correcting a request.

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

/// The largest body that any outbox stores.
const MOST: u64 = 64 * 1024 * 1024;

/// Makes a new revision.
///
/// Not by `Outbox::edit`: that would seal or open the body, and this command has no key. A sealed body stays as it
/// is, and only the rest can be changed.
pub(super) async fn edit(context: &mut Context, args: EditArgs) -> Result<Exit, CommandError> {
    for (name, path) in [("--body-file", &args.body_file), ("--request-file", &args.request_file)] {
        path.as_deref().map_or(Ok(()), |path| context.files.reads(name, path))?;
    }
    let detail = entries::detail(&*context.store, args.id).await?;
    if detail.entry.state != State::Dead {
        return Err(StoreError::conflict(args.id, detail.entry.state, State::Dead).into());
    }
    let last = detail.revisions.last();
    let last =
        last.ok_or_else(|| CommandError::other("the store has no request of this entry: ask the doctor"))?;
    if let Some(path) = &args.request_file {
        let draft = message::parse(&text(&read(path)?)?, &last.request)?;
        revise(context, &detail, last, draft).await
    } else if options::is_any(&args) {
        revise(context, &detail, last, options::apply(&args, &last.request)?).await
    } else if confirm::is_interactive() {
        let written = editor::edit(&last.request).await?;
        let revised = match written.draft(&last.request) {
            Ok(draft) => unless_interrupted(revise(context, &detail, last, draft)).await,
            Err(failure) => Err(failure),
        };
        revised.map_err(|failure| written.keep(failure))
    } else {
        Err(CommandError::usage("say what to change: --body, --body-file, --header, --url, --method"))
    }
}

/// Makes this of the last revision.
async fn revise(
    context: &mut Context,
    detail: &Detail,
    last: &Revision,
    draft: StoredRequest,
) -> Result<Exit, CommandError> {
    if draft == last.request {
        context.out.note("nothing is different, so nothing was changed")?;
        return tell(context, &detail.entry, None);
    }
    let request = checked(draft, &last.request)?;
    notes(context, detail, &request)?;
    let key = request.idempotency_key().map(str::to_owned);
    let change = Change::Edit { on: last.number, request: Box::new(request) };
    let entry = context.store.change(detail.entry.id, change).await?;
    tell(context, &entry, key.as_deref())
}

/// The request as it is stored, with an `Idempotency-Key` of its own, because it is another request. What is never
/// stored is refused, and not left out in silence; what its program has stored may stay.
fn checked(draft: StoredRequest, last: &StoredRequest) -> Result<StoredRequest, CommandError> {
    // This refuses userinfo, which to make a request would leave out in silence.
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
            "the header {name} carries credentials, which are not stored: the worker's stack puts them in"
        ))),
        Some(name) => Err(CommandError::usage(format!(
            "the header {name} belongs to a connection: the client puts it in"
        ))),
        None => Ok(request),
    }
}

/// What is allowed, and may still be a mistake.
fn notes(context: &mut Context, detail: &Detail, request: &StoredRequest) -> io::Result<()> {
    let kind = request.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_json = kind.is_some_and(|kind| kind.contains("json"));
    if is_json && !request.sealed && serde_json::from_slice::<serde::de::IgnoredAny>(&request.body).is_err() {
        context.out.note("note: the content type says JSON, and the body is none")?;
    }
    let entry = &detail.entry;
    if let Some(key) = entry.order_key.as_ref().filter(|_| request.uri != entry.uri) {
        context.out.note(format_args!("note: it is ordered by {key} still"))?;
    }
    Ok(())
}

fn tell(context: &mut Context, entry: &Entry, key: Option<&str>) -> Result<Exit, CommandError> {
    let (id, number) = (entry.id, entry.revision);
    let out = &mut context.out;
    if out.is_json() {
        out.document(
            &json!({ "id": id, "revision": number, "changed": key.is_some(), "idempotency_key": key }),
        )?;
    } else if let Some(key) = key {
        out.line(format_args!("{id} has revision {number}, with Idempotency-Key {key}"))?;
        out.note(format_args!("send it with: martello dead replay {id}"))?;
    }
    Ok(Exit::Success)
}

/// A file, or the standard input if it is `-`.
fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let unread = |error| CommandError::usage(format!("{} cannot be read", path.display())).with_source(error);
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
    text.map_err(|_| CommandError::usage("the request must be text: give a body of bytes with --body-file"))
}
