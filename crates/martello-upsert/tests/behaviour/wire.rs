//! Over real sockets, through a stack with retries.

use std::time::Duration;

use futures_util::stream;
use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_body::Body;
use martello_planner::{Faults, Planner};
use martello_retry::RetryLayer;
use martello_testkit::{Reply, Server};
use martello_tracking::TrackingLayer;
use martello_upsert::{UpsertAll, UpsertOutcome};
use tower::ServiceBuilder;

#[tokio::test]
async fn every_entity_arrives_through_a_bad_network_and_every_attempt_has_its_tracking_id() {
    let planner = Planner::builder().seed(7).faults(Faults::bad_network()).start().await.unwrap();
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let retry = RetryLayer::builder().attempts(6).whole_responses(64 * 1024);
    let retry = retry.backoff(Duration::from_millis(1), Duration::from_millis(5)).build().unwrap();
    let stack = ServiceBuilder::new().layer(retry).layer(TrackingLayer::default());
    let base = planner.uri("/orders/").to_string();
    let to_request = move |row: &u32| Request::put(format!("{base}{row}")).body(format!("order {row}"));
    let upserts = UpsertAll::new(stack.service(http), to_request);
    let mut reading = upserts.records(stream::iter(0..200_u32)).unwrap();
    let mut recorded = Vec::new();
    while let Some(record) = reading.next().await {
        assert!(record.outcome.is_written(), "{record}");
        recorded.extend(record.tracking_ids.iter().map(ToString::to_string));
    }
    assert!(reading.report().await.unwrap().is_success());

    let held = planner.entities();
    assert_eq!(held.len(), 200);
    assert!((0..200).all(|row| held[&format!("/orders/{row}")].body == format!("order {row}")));
    // Attempts that were reset have no tracking id. All others are listed.
    let answered = planner.exchanges().into_iter().filter(|exchange| exchange.status.is_some());
    let mut answered: Vec<_> = answered.map(|exchange| exchange.tracking_id).collect();
    answered.sort();
    recorded.sort();
    assert_eq!(recorded, answered);
    assert!(planner.exchanges().len() > 205, "there were faults");
    assert!(planner.most_in_flight() <= 5);
}

#[tokio::test]
async fn an_unavailable_server_leads_to_exhausted() {
    let refused = Server::refused().unwrap();
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let uri = refused.uri("/orders/1");
    let upserts = UpsertAll::new(http, move |(): &()| Request::put(uri.clone()).body("{}"));
    let report = upserts.run(stream::iter([()])).await.unwrap();
    assert_eq!(report.failures()[0].outcome, UpsertOutcome::Exhausted);
}

/// N requests of 100 ms each, five at a time, take hardly more than the minimum.
#[tokio::test]
async fn a_run_takes_hardly_longer_than_the_server() {
    let server = Server::with(|_| Reply::ok().delay(Duration::from_millis(100))).await.unwrap();
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let base = server.uri("/orders/").to_string();
    let upserts = UpsertAll::new(http, move |row: &u32| Request::put(format!("{base}{row}")).body("{}"));
    let report = upserts.run(stream::iter(0..50_u32)).await.unwrap();
    assert!(report.is_success());
    assert_eq!(server.most_in_flight(), 5);
    let least = Duration::from_secs(1);
    // A busy machine is slower. An unused slot would add half of the time.
    assert!((least..least.mul_f64(1.25)).contains(&report.elapsed()), "{:?}", report.elapsed());
}
