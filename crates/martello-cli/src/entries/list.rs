use martello_outbox::{Entry, Filter, State};

use crate::{
    Context,
    args::ListArgs,
    error::{CommandError, Exit},
    output::{EntryShape, ListShape, Table, age, url},
};

/// Lists the entries that match the filter. No match is a success.
pub(crate) async fn list(
    context: &mut Context,
    filter: Filter,
    page: &ListArgs,
) -> Result<Exit, CommandError> {
    let dead = filter.state == Some(State::Dead);
    let found = context.store.list(filter, page.after, usize::from(page.limit)).await?;
    let out = &mut context.out;
    if out.is_json() {
        let entries = found.entries.iter().map(|entry| EntryShape::new(entry, page.reveal)).collect();
        let next = found.next.map(|cursor| cursor.to_string());
        out.document(&ListShape { entries, next })?;
        return Ok(Exit::Success);
    }
    if found.entries.is_empty() {
        out.note("no entry matches the filter")?;
        return Ok(Exit::Success);
    }
    out.line(table(&found.entries, dead, page.reveal))?;
    if let Some(next) = found.next {
        out.note(format_args!("more entries follow: add --after {next}"))?;
    }
    Ok(Exit::Success)
}

fn table(entries: &[Entry], dead: bool, reveal: bool) -> Table {
    let second = if dead { "REASON" } else { "STATE" };
    let mut table = Table::new(&["ID", second, "FOR", "LAST", "ATTEMPTS", "QUEUE", "REQUEST"], &[2, 4]);
    for entry in entries {
        table.row([
            entry.id.to_string(),
            if dead { reason(entry) } else { entry.state.to_string() },
            age(entry.changed_at),
            last(entry),
            entry.attempts.to_string(),
            entry.queue.to_string(),
            format!("{} {}", entry.method, url(&entry.uri, reveal)),
        ]);
    }
    table
}

fn reason(entry: &Entry) -> String {
    let reason = entry.reason.map_or("", |reason| reason.as_str());
    format!("{reason}{}", if entry.protected { ", protected" } else { "" })
}

/// The last response's status, or the last attempt's outcome if there was no response.
fn last(entry: &Entry) -> String {
    let status = entry.last_status.map(|status| status.as_u16().to_string());
    let outcome = || entry.last_outcome.map(|outcome| outcome.to_string());
    status.or_else(outcome).unwrap_or_else(|| "-".to_owned())
}
