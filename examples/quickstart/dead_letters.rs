//! Inspects the dead letters, corrects them, and replays them.

use std::{error::Error, io::Write};

use http::{Request, header};
use martello::{
    Body, Outbox,
    outbox::{Change, Detail, Filter, State, WhenOvertaken},
};

use crate::{order, reported::ReportedAttempts, upserts};

pub(crate) async fn correct(
    outbox: &Outbox,
    reported: &mut ReportedAttempts,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let dead = outbox.store().list(Filter::state(State::Dead), None, 100).await?.entries;
    writeln!(out, "  dead letters      {}: the API rejected them", dead.len())?;
    let mut replayed = 0;
    for (index, dead_letter) in dead.iter().enumerate() {
        let ticket = outbox.ticket(dead_letter.id);
        let detail = outbox.detail(dead_letter.id).await?.ok_or("a dead letter is missing")?;
        let Some(sent) = detail.revisions.last().map(|revision| &revision.request) else { continue };
        let line = std::str::from_utf8(&sent.body)?;
        if index == 0 {
            show(&detail, line, out)?;
        }
        let corrected = Request::builder()
            .method(&sent.method)
            .uri(&sent.uri)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(order::corrected(line)?))?;
        outbox.edit(dead_letter.id, detail.entry.revision, corrected).await?;
        outbox.store().change(dead_letter.id, Change::Replay(WhenOvertaken::Refuse)).await?;
        replayed += usize::from(ticket.ended().await?.state == State::Done);
        reported.delivered(&order::business_id(line)?, &ticket.detail().await?.attempts);
    }
    writeln!(out, "    corrected, replayed and delivered: {replayed}")?;
    Ok(())
}

fn show(detail: &Detail, line: &str, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let entry = &detail.entry;
    let reason = entry.reason.map_or("", |reason| reason.as_str());
    writeln!(out, "    {} {} is a dead letter: {reason}", entry.method, entry.uri.path())?;
    writeln!(out, "    {line}")?;
    upserts::show(&detail.attempts, out)?;
    if let Some(fault) = detail.attempts.last().and_then(|attempt| attempt.fault.as_deref()) {
        writeln!(out, "    the API answered: {fault}")?;
    }
    Ok(())
}
