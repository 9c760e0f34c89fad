//! Writes 200 delivery orders to an API that misbehaves, five at a time, and checks that none is lost: not those
//! that meet an outage, and not those that are wrong.
//!
//! ```text
//! cargo run --example quickstart
//! RUST_LOG=martello=info cargo run --example quickstart     # with a line per attempt and per call
//! ```

mod dead_letters;
mod order;
mod planner;
mod sending;
mod summary;

use std::{error::Error, io::Write, process::ExitCode};

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{Body, ConcurrencyLimitLayer, Outbox, OutboxLayer, Stack, sqlite::SqliteStore};
use tower::Layer;

use crate::{planner::Planner, summary::Summary};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let orders: Vec<&str> = include_str!("../data/orders.ndjson").lines().collect();
    let planner = Planner::start(7).await?;
    let place = tempfile::tempdir()?;
    let store = SqliteStore::open(place.path().join("outbox.db")).await?;

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let five = ConcurrencyLimitLayer::default();
    let patient = Stack::new().limit(five.clone()).retry(|retry| retry.whole_responses(64 * 1024)).build()?;
    let once = Stack::new().limit(five).without_retry().build()?;

    let outbox = Outbox::new(store);
    let api = OutboxLayer::new(outbox.clone()).layer(patient.layer(http.clone()));
    let worker = outbox.worker(once.layer(http)).start();

    let mut out = std::io::stdout();
    let mut summary = Summary::new();
    let deferred = sending::all(&api, &planner, &orders, &mut summary).await?;
    write!(out, "{summary}")?;
    writeln!(
        out,
        "  deferred          {}: the planner was down for longer than retries last",
        deferred.len()
    )?;

    planner.repair();
    sending::wait(&deferred, &mut summary).await?;
    writeln!(out, "  delivered later   {} once it was back", summary.delivered_later())?;
    if let Some(report) = summary.longest_way() {
        writeln!(out, "    {}", report.business_id)?;
        for (number, attempt) in (1..).zip(&report.attempts) {
            writeln!(out, "    attempt {number}: {attempt}")?;
        }
    }

    dead_letters::correct(&outbox, &mut summary, &mut out).await?;
    worker.shutdown().await;

    writeln!(out, "  most in flight    {} (as the server saw it)", planner.most_in_flight())?;
    let faults = planner.check(&orders, &summary);
    for fault in &faults {
        writeln!(out, "  WRONG: {fault}")?;
    }
    if !faults.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "  The server holds exactly the {} orders, and its log of requests equals", orders.len())?;
    writeln!(out, "  the attempts reported here, Trackingid by Trackingid.")?;
    Ok(ExitCode::SUCCESS)
}
