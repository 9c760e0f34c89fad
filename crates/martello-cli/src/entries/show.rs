use std::fmt::Display;

use martello_outbox::{Detail, EntryId, Overtaken, Revision, State, Store, StoreError};

use super::timeline;
use crate::{
    Context,
    args::ShowArgs,
    error::{CommandError, Exit},
    output::{DetailShape, Output, Printable, Time, header, url, write_body},
};

/// Reads an entry with its attempts, events and revisions.
///
/// # Errors
///
/// Not found if the store has no such entry.
pub(crate) async fn detail(store: &dyn Store, id: EntryId) -> Result<Detail, CommandError> {
    Ok(store.detail(id).await?.ok_or_else(|| StoreError::no_entry(id))?)
}

/// Shows an entry.
pub(crate) async fn show(context: &mut Context, args: &ShowArgs) -> Result<Exit, CommandError> {
    let detail = detail(&*context.store, args.id).await?;
    let revision = chosen(&detail, args.revision)?;
    let out = &mut context.out;
    if args.body {
        out.bytes(&revision.request.body)?;
    } else if out.is_json() {
        out.document(&DetailShape::new(&detail, args.reveal))?;
    } else {
        summary(out, &detail, args.reveal)?;
        timeline::write(out, &detail, args.reveal)?;
        request(out, revision, args.reveal)?;
    }
    Ok(Exit::Success)
}

fn chosen(detail: &Detail, number: Option<u32>) -> Result<&Revision, CommandError> {
    let number = number.unwrap_or(detail.entry.revision);
    let revision = detail.revisions.iter().find(|revision| revision.number == number);
    revision.ok_or_else(|| {
        let last = detail.entry.revision;
        CommandError::not_found(format!(
            "entry {} has no revision {number}: its revisions are 1 to {last}",
            detail.entry.id
        ))
    })
}

fn summary(out: &mut Output, detail: &Detail, reveal: bool) -> Result<(), CommandError> {
    let entry = &detail.entry;
    let reason = entry.reason.map_or(String::new(), |reason| match entry.state {
        State::Dead => format!(": {reason}"),
        _ => format!(" (was dead: {reason})"),
    });
    out.line(format_args!("{} is {}{reason}", entry.id, entry.state))?;
    let mut field = |name: &str, value: &dyn Display| out.line(format_args!("  {name:<15} {value}"));
    field("request", &format_args!("{} {}", entry.method, Printable::new(&url(&entry.uri, reveal))))?;
    field("queue", &entry.queue)?;
    if let Some(key) = &entry.order_key {
        field("order key", key)?;
    }
    if let Some(key) = &entry.dedup_key {
        field("dedup key", &Printable::new(key))?;
    }
    field("attempts", &attempts(detail))?;
    let repeatable = if entry.repeatable { "yes" } else { "no: an ambiguous attempt makes it a dead letter" };
    field("repeatable", &repeatable)?;
    field("stored", &Time(entry.created_at))?;
    field(&format!("{} since", entry.state), &Time(entry.changed_at))?;
    if entry.state.is_pending() {
        field("due", &Time(entry.due_at))?;
        field("expires", &Time(entry.expires_at))?;
    }
    if entry.protected {
        field("protected", &"yes: purges do not delete it")?;
    }
    if let Some(job) = entry.job {
        field("replayed by", &job)?;
    }
    if let Some(newer) = entry.superseded_by {
        field("superseded", &format_args!("by {newer}"))?;
    }
    if let Some(overtaken) = entry.overtaken {
        field("overtaken", &meaning(overtaken))?;
    }
    Ok(())
}

/// Explains what it means that a dead letter is overtaken.
pub(crate) fn meaning(overtaken: Overtaken) -> &'static str {
    match overtaken {
        Overtaken::Certainly => "a newer request of its order key was delivered; a replay would overwrite it",
        Overtaken::Possibly => {
            "a newer request of its order key may have been processed; a replay would overwrite it"
        }
    }
}

fn attempts(detail: &Detail) -> String {
    let entry = &detail.entry;
    let (all, tries, most) = (entry.attempts, entry.tries, entry.max_attempts);
    format!("{all} made; {tries} of at most {most} tries used")
}

fn request(out: &mut Output, revision: &Revision, reveal: bool) -> Result<(), CommandError> {
    let request = &revision.request;
    out.line(format_args!("\nrevision {}, created {}", revision.number, Time(revision.at)))?;
    out.line(format_args!("  {} {}", request.method, Printable::new(&url(&request.uri, reveal))))?;
    for (name, value) in &request.headers {
        out.line(format_args!("  {name}: {}", Printable::new(&header(name, value, reveal))))?;
    }
    out.line("")?;
    Ok(write_body(out, request)?)
}
