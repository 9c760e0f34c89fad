//! 200 orders from a file, one request each, five at a time, through a network that loses some of the answers. The run is stopped in
//! the middle, as by Ctrl-C, and goes on from its journal; what failed is told row by row.
//!
//! ```text
//! cargo run --example upsert
//! ```

use std::{error::Error, io::Write, time::Duration};

use futures_util::stream;
use http::{Method, Request, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{
    Body, Stack, UpsertAll,
    upsert::{Journal, RunTarget, UpsertOutcome},
};
use martello_planner::{Faults, Planner};
use tower::Layer;

/// What the journal belongs to. For a file, `Journal::fingerprint` tells it from others.
const INPUT: &str = "orders of 29 November";

#[derive(serde::Deserialize)]
struct Order {
    business_id: String,
    from: String,
    until: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let orders: Vec<String> = include_str!("../data/orders.ndjson").lines().map(ToOwned::to_owned).collect();
    let planner = Planner::builder().seed(11).latency(Duration::from_millis(10));
    let planner = planner.faults(Faults::bad_network()).check(check).start().await?;
    let directory = tempfile::tempdir()?;
    let journal = directory.path().join("orders.journal");

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let stack = Stack::new().retry(|retry| retry.whole_responses(1 << 20)).build()?.layer(http);
    let upserts = |journal| {
        let uri = planner.uri("/orders/");
        UpsertAll::new(stack.clone(), move |line: &String| put(&uri, line)).journal(journal)
    };

    let target = || RunTarget::new(Method::PUT, format!("{}{{business_id}}", planner.uri("/orders/")));
    let first_run = upserts(Journal::open(&journal, INPUT, target()).await?);
    let mut progress = first_run.progress();
    let half_done = async move {
        // It fails when the run is over, and then there is nothing to stop.
        let _ = progress.wait_for(|progress| progress.done() >= 100).await;
    };
    let stopped = first_run.stop_when(half_done).run(stream::iter(orders.clone())).await?;
    writeln!(out, "stopped: {}, with {} orders at the API", stopped.is_stopped(), planner.entities().len())?;

    let report = upserts(Journal::open(&journal, INPUT, target()).await?).run(stream::iter(orders)).await?;
    for (outcome, count) in report.counts().iter() {
        writeln!(out, "{outcome:12} {count}")?;
    }
    for record in report.failures() {
        writeln!(out, "{record}")?;
    }
    let counts = report.counts();
    let right = (
        counts.total(),
        counts.get(UpsertOutcome::Rejected),
        planner.entities().len(),
        planner.most_in_flight(),
    );
    if right != (200, 2, 198, 5) {
        return Err(format!("rows, rejected, at the API, in flight: {right:?}").into());
    }
    Ok(())
}

fn put(orders: &Uri, line: &str) -> Result<Request<String>, Box<dyn Error + Send + Sync>> {
    let order: Order = serde_json::from_str(line)?;
    Ok(Request::put(format!("{orders}{}", order.business_id)).body(line.to_owned())?)
}

/// What the API thinks of an order.
fn check(body: &[u8]) -> Result<(), String> {
    let order: Order = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if order.from < order.until {
        Ok(())
    } else {
        Err("the delivery window ends before it starts".to_owned())
    }
}
