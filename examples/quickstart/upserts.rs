//! Writes the orders, and waits for those that were deferred.

use std::{
    error::Error,
    io::{IsTerminal, Write},
};

use futures_util::stream;
use http::{Request, Uri};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use martello::{
    Body, Outbox, Stacked, Ticket, UpsertAll,
    outbox::{AttemptRecord, State},
};
use martello_planner::Planner;
use tokio::time::Instant;

use crate::{order, reported::ReportedAttempts};

pub(crate) type Api = Stacked<Client<HttpConnector, Body>>;

/// Writes all orders, and returns the tickets of the deferred ones.
pub(crate) async fn all(
    api: Api,
    outbox: &Outbox,
    planner: &Planner,
    orders: &[&str],
    reported: &mut ReportedAttempts,
    out: &mut impl Write,
) -> Result<Vec<(String, Ticket)>, Box<dyn Error>> {
    let uri = planner.uri("/orders/");
    let rows: Vec<String> = orders.iter().map(|line| (*line).to_owned()).collect();
    let started = Instant::now();
    let upserts = UpsertAll::new(api, move |line: &String| put(&uri, line)).defer_to(outbox);
    let mut records = upserts.records(stream::iter(rows))?;

    let bar = progress_bar(orders.len());
    let (mut deferred, mut attempts) = (Vec::new(), 0);
    while let Some(record) = records.next().await {
        let line = usize::try_from(record.row).ok().and_then(|row| orders.get(row)).ok_or("no such row")?;
        let business_id = order::business_id(line)?;
        attempts += record.attempts;
        match record.entry {
            Some(entry) => deferred.push((business_id, outbox.ticket(entry))),
            None => reported.written(&business_id, &record),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let written = records.report().await?.counts().written();

    let took = started.elapsed().as_secs_f64();
    writeln!(out, "  orders written    {written} of {} in {took:.2} s", orders.len())?;
    writeln!(
        out,
        "  attempts          {attempts}: 503, 504, lost connections and truncated bodies are retried"
    )?;
    writeln!(
        out,
        "  deferred          {}: the API was down for longer than the retries last",
        deferred.len()
    )?;
    Ok(deferred)
}

fn put(orders: &Uri, line: &str) -> Result<Request<String>, Box<dyn Error + Send + Sync>> {
    let request = Request::put(format!("{orders}{}", order::business_id(line)?));
    Ok(request.header("content-type", "application/json").body(line.to_owned())?)
}

/// Waits until each deferred order is delivered or a dead letter.
pub(crate) async fn wait(
    deferred: &[(String, Ticket)],
    reported: &mut ReportedAttempts,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let mut delivered = Vec::new();
    for (business_id, ticket) in deferred {
        let entry = ticket.ended().await?;
        let attempts = ticket.detail().await?.attempts;
        reported.delivered(business_id, &attempts);
        if entry.state == State::Done {
            delivered.push((business_id, attempts));
        }
    }
    writeln!(out, "  delivered later   {} after the API was back", delivered.len())?;
    if let Some((business_id, attempts)) = delivered.iter().max_by_key(|(_, attempts)| attempts.len()) {
        writeln!(out, "    {business_id}")?;
        show(attempts, out)?;
    }
    Ok(())
}

pub(crate) fn show(attempts: &[AttemptRecord], out: &mut impl Write) -> std::io::Result<()> {
    for attempt in attempts {
        let status = attempt.status.map_or_else(|| "-".to_owned(), |status| status.as_u16().to_string());
        let id = attempt.tracking_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        writeln!(
            out,
            "    attempt {}: {:11} {status:4} Trackingid {id}",
            attempt.number,
            attempt.outcome.as_str()
        )?;
    }
    Ok(())
}

fn progress_bar(orders: usize) -> ProgressBar {
    // Log lines on the same terminal would break the progress bar.
    let logs = std::env::var_os("RUST_LOG").is_some();
    let target = if logs || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} orders, {eta} left");
    ProgressBar::with_draw_target(u64::try_from(orders).ok(), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
