//! Writes 200 delivery orders to an API that misbehaves, five at a time, and checks that none is lost.
//!
//! ```text
//! cargo run --example quickstart
//! RUST_LOG=martello=info cargo run --example quickstart     # with a line per attempt and per call
//! ```

mod planner;
mod summary;

use std::{
    error::Error,
    io::{IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use http::{Request, Uri};
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use martello::{Attempts, Body, CallError, Outcome, Stack, Stacked, TrackingId};
use serde::Deserialize;
use tokio::{task::JoinSet, time::Instant};
use tower::{Layer, ServiceExt};

use crate::{planner::Planner, summary::Summary};

/// More than the five that are let through: the sixth waits for its permit.
const TASKS: usize = 6;

#[derive(Deserialize)]
struct Order {
    business_id: String,
}

/// One order that was sent, and what it went through.
struct Sent {
    business_id: String,
    took: Duration,
    attempts: Vec<Try>,
    delivered: bool,
}

/// One attempt, as the stack reports it.
struct Try {
    outcome: Outcome,
    cause: String,
    tracking_id: Option<TrackingId>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    let orders: Vec<&str> = include_str!("../data/orders.ndjson").lines().collect();
    let planner = Planner::start(7).await?;

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let api = Stack::new().retry(|retry| retry.whole_responses(64 * 1024)).build()?.layer(http);

    let bar = progress_bar(orders.len());
    let mut summary = Summary::new();
    let mut sending = JoinSet::new();
    for line in &orders {
        if sending.len() == TASKS {
            summary.add(sending.join_next().await.ok_or("nothing was being sent")??);
            bar.inc(1);
        }
        let order: Order = serde_json::from_str(line)?;
        let uri = planner.uri(&format!("/orders/{}", order.business_id));
        sending.spawn(send(api.clone(), uri, order.business_id, (*line).to_owned()));
    }
    while let Some(sent) = sending.join_next().await {
        summary.add(sent?);
        bar.inc(1);
    }
    bar.finish_and_clear();

    let mut out = std::io::stdout().lock();
    writeln!(out, "{summary}")?;
    writeln!(out, "  most in flight    {} (as the server saw it)", planner.most_in_flight())?;
    let faults = planner.check(&orders, &summary);
    for fault in &faults {
        writeln!(out, "  WRONG: {fault}")?;
    }
    if faults.is_empty() {
        writeln!(
            out,
            "  The server holds exactly the {} orders, and its log of requests equals",
            orders.len()
        )?;
        writeln!(out, "  the attempts reported here, Trackingid by Trackingid.")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn send(
    api: Stacked<Client<HttpConnector, Body>>,
    uri: Uri,
    business_id: String,
    order: String,
) -> Sent {
    let start = Instant::now();
    let response = match Request::put(uri).header("content-type", "application/json").body(Body::from(order))
    {
        Ok(request) => api.oneshot(request).await,
        Err(error) => Err(CallError::from_source(error)),
    };
    let took = start.elapsed();
    let attempts = match &response {
        Ok(response) => match Attempts::of(response) {
            Some(attempts) => tries(attempts),
            // It succeeded at once.
            None => vec![Try {
                outcome: Outcome::Success,
                cause: String::new(),
                tracking_id: TrackingId::of(response).copied(),
            }],
        },
        Err(error) => tries(error.attempts()),
    };
    let delivered = match response {
        Ok(response) => response.status().is_success() && response.into_body().collect().await.is_ok(),
        Err(_) => false,
    };
    Sent { business_id, took, attempts, delivered }
}

fn tries(attempts: &Attempts) -> Vec<Try> {
    let cause = |attempt: &martello::Attempt| match attempt.status {
        Some(status) => status.as_u16().to_string(),
        None => "connection lost".to_owned(),
    };
    let one = |attempt: &martello::Attempt| Try {
        outcome: attempt.outcome,
        cause: cause(attempt),
        tracking_id: attempt.tracking_id,
    };
    attempts.iter().map(one).collect()
}

fn progress_bar(orders: usize) -> ProgressBar {
    // Log lines on the same terminal would tear it apart.
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
