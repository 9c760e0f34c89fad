//! Six tasks that write orders, and the wait for those that could not be written at once.

use std::{error::Error, io::IsTerminal};

use http::{Request, Uri};
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use martello::{
    Attempts, Body, Sent, Stacked, Ticket, TrackingId,
    outbox::{OutboxService, State},
};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::{
    order,
    planner::Planner,
    summary::{Report, Summary, Try},
};

/// More than the five that are let through: the sixth waits for its permit.
const TASKS: usize = 6;

type Api = OutboxService<Stacked<Client<HttpConnector, Body>>>;

/// Writes all orders, and yields the tickets of those that were deferred.
pub(crate) async fn all(
    api: &Api,
    planner: &Planner,
    orders: &[&str],
    summary: &mut Summary,
) -> Result<Vec<(String, Ticket)>, Box<dyn Error>> {
    let bar = progress_bar(orders.len());
    let (mut sending, mut deferred) = (JoinSet::new(), Vec::new());
    let mut lines = orders.iter();
    loop {
        while let Some(line) = lines.next().filter(|_| sending.len() < TASKS) {
            let business_id = order::business_id(line)?;
            let uri = planner.uri(&format!("/orders/{business_id}"));
            sending.spawn(send(api.clone(), uri, business_id, (*line).to_owned()));
            if sending.len() == TASKS {
                break;
            }
        }
        let Some(sent) = sending.join_next().await else { break };
        let (report, ticket) = sent?;
        deferred.extend(ticket.map(|ticket| (report.business_id.clone(), ticket)));
        summary.add(report);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(deferred)
}

/// Writes one order. What is deferred is reported once it has come to its end.
async fn send(api: Api, uri: Uri, business_id: String, line: String) -> (Report, Option<Ticket>) {
    let request = Request::put(uri).header("content-type", "application/json").body(Body::from(line));
    let sent = match request {
        Ok(request) => api.oneshot(request).await.ok(),
        Err(_) => None,
    };
    let mut report = Report { business_id, attempts: Vec::new(), delivered: false };
    match sent {
        Some(Sent::Delivered(response)) => {
            report.attempts = match Attempts::of(&response) {
                Some(attempts) => attempts.iter().map(Try::from).collect(),
                None => vec![Try::at_once(response.status(), TrackingId::of(&response))],
            };
            report.delivered = response.status().is_success() && response.into_body().collect().await.is_ok();
            (report, None)
        }
        Some(Sent::Deferred(ticket) | Sent::Parked(ticket)) => (report, Some(ticket)),
        None => (report, None),
    }
}

/// Waits until each of these has come to an end, and reports what it went through.
pub(crate) async fn wait(deferred: &[(String, Ticket)], summary: &mut Summary) -> Result<(), Box<dyn Error>> {
    for (business_id, ticket) in deferred {
        let delivered = ticket.ended().await?.state == State::Done;
        let attempts = ticket.detail().await?.attempts;
        summary.ended(business_id, delivered, attempts.iter().map(Try::from).collect());
    }
    Ok(())
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
