//! Writes 200 orders from a file, one request each, five at a time, over a network that loses some of the
//! responses. The run is stopped half-way, as by Ctrl-C, and resumes from its journal. At the end it reports
//! each failed row.
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

/// Identifies the input that the journal belongs to. For a file, use `Journal::fingerprint`.
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
        // It returns an error if the run has already ended, and then there is nothing to stop.
        let _ = progress.wait_for(|progress| progress.done() >= 100).await;
    };
    let stopped = first_run.stop_when(half_done).run(stream::iter(orders.clone())).await?;
    writeln!(
        out,
        "stopped: {}, after {} orders reached the API",
        stopped.is_stopped(),
        planner.entities().len()
    )?;

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
        return Err(format!(
            "unexpected numbers of rows, rejected rows, orders at the API, requests in flight: {right:?}"
        )
        .into());
    }
    Ok(())
}

fn put(orders: &Uri, line: &str) -> Result<Request<String>, Box<dyn Error + Send + Sync>> {
    let order: Order = serde_json::from_str(line)?;
    Ok(Request::put(format!("{orders}{}", order.business_id)).body(line.to_owned())?)
}

/// The API's check of an order.
fn check(body: &[u8]) -> Result<(), String> {
    let order: Order = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if order.from < order.until {
        Ok(())
    } else {
        Err("the delivery window ends before it starts".to_owned())
    }
}
