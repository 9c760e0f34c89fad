//! Somebody looks at what was rejected, corrects it, and sends it again.

use std::{error::Error, io::Write};

use http::{Request, header};
use martello::{
    Body, Outbox,
    outbox::{Change, Detail, EntryId, Filter, State},
};

use crate::{
    order,
    summary::{Summary, Try},
};

pub(crate) async fn correct(
    outbox: &Outbox,
    summary: &mut Summary,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let dead = outbox.store().list(Filter::state(State::Dead), None, 100).await?.entries;
    writeln!(out, "  dead letters      {}: the planner refuses them", dead.len())?;
    for (index, letter) in dead.iter().enumerate() {
        let detail = detail(outbox, letter.id).await?;
        let Some(sent) = detail.revisions.last().map(|revision| &revision.request) else { continue };
        let line = std::str::from_utf8(&sent.body)?;
        if index == 0 {
            show(&detail, line, out)?;
        }
        let better = order::corrected(line)?;
        let request = Request::builder()
            .method(&sent.method)
            .uri(&sent.uri)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(better))?;
        outbox.edit(letter.id, request).await?;
        outbox.store().change(letter.id, Change::Replay).await?;
        let delivered = outbox.ticket(letter.id).ended().await?.state == State::Done;
        let attempts = self::detail(outbox, letter.id).await?.attempts;
        let business_id = order::business_id(line)?;
        summary.ended(&business_id, delivered, attempts.iter().map(Try::from).collect());
    }
    writeln!(out, "    corrected and replayed: {}", dead.len())?;
    Ok(())
}

fn show(detail: &Detail, line: &str, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let entry = &detail.entry;
    writeln!(
        out,
        "    {} {} is dead: {}",
        entry.method,
        entry.uri.path(),
        entry.reason.map_or("", |reason| reason.as_str())
    )?;
    writeln!(out, "    {line}")?;
    for (number, attempt) in (1..).zip(detail.attempts.iter().map(Try::from)) {
        writeln!(out, "    attempt {number}: {attempt}")?;
    }
    if let Some(fault) = detail.attempts.last().and_then(|attempt| attempt.fault.as_deref()) {
        writeln!(out, "    it says: {fault}")?;
    }
    Ok(())
}

async fn detail(outbox: &Outbox, id: EntryId) -> Result<Detail, Box<dyn Error>> {
    outbox.detail(id).await?.ok_or_else(|| format!("{id} is gone").into())
}
