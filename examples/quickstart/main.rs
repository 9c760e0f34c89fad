//! Simulates a bad day of an integration with an API.
//!
//! The program writes 200 delivery orders, five at a time. Then the API is down for longer than the retries
//! last, so the remaining orders are stored and delivered later. The API rejects two orders, which are
//! corrected and replayed. Then the program polls for plannings while the API releases them. At the end it
//! compares the API's own records with its own.
//!
//! ```text
//! cargo run --example quickstart
//! RUST_LOG=martello=info cargo run --example quickstart     # prints a line per attempt and per call
//! ```

mod dead_letters;
mod order;
mod plannings;
mod reported;
mod upserts;

use std::{error::Error, io::Write, process::ExitCode, time::Duration};

use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{Body, ConcurrencyLimitLayer, Outbox, Stack, sqlite::SqliteStore};
use martello_planner::{Faults, Planner};
use tower::Layer;

use crate::reported::ReportedAttempts;

/// The number of the request at which the outage starts. It lasts until `Planner::repair`.
const OUTAGE_AT: u64 = 160;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let orders: Vec<&str> = include_str!("../data/orders.ndjson").lines().collect();
    let planner = Planner::builder().seed(7).latency(Duration::from_millis(10));
    let planner = planner.faults(Faults::bad_network()).check(order::check).start().await?;
    planner.break_down_at(OUTAGE_AT);
    let directory = tempfile::tempdir()?;

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let five = ConcurrencyLimitLayer::default();
    let api = Stack::new().limit(five.clone()).retry(|retry| retry.whole_responses(1 << 20)).build()?;
    let api = api.layer(http.clone());
    let once = Stack::new().limit(five).without_retry().build()?.layer(http);
    let outbox = Outbox::new(SqliteStore::open(directory.path().join("outbox.db")).await?);
    let worker = outbox.worker(once).start();

    let mut out = std::io::stdout();
    let mut reported = ReportedAttempts::default();
    let deferred = upserts::all(api.clone(), &outbox, &planner, &orders, &mut reported, &mut out).await?;
    planner.repair();
    upserts::wait(&deferred, &mut reported, &mut out).await?;
    dead_letters::correct(&outbox, &mut reported, &mut out).await?;
    worker.shutdown().await;
    let mut faults = reported.differences(&planner, &orders);
    faults.extend(
        plannings::poll(api, &planner, &directory.path().join("plannings.checkpoint"), &mut out).await?,
    );

    writeln!(out, "  most in flight    {} (measured by the API)", planner.most_in_flight())?;
    for fault in &faults {
        writeln!(out, "  FAILED: {fault}")?;
    }
    if !faults.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    writeln!(
        out,
        "  The API stores exactly the {} orders. Its log of requests equals the attempts",
        orders.len()
    )?;
    writeln!(out, "  reported here, Trackingid by Trackingid. Each planning was received exactly once.")?;
    Ok(ExitCode::SUCCESS)
}
