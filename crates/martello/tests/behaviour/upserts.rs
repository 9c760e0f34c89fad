//! Upserts of many entities through a whole stack, deferred to an outbox.

use futures_util::stream;
use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello::{
    Body, ConcurrencyLimitLayer, Outbox, Stack, UpsertAll,
    outbox::{MemoryStore, State},
    upsert::UpsertOutcome,
};
use martello_planner::{Faults, Planner};
use tower::Layer;

#[tokio::test]
async fn what_an_outage_outlasts_is_deferred_and_delivered_once_it_is_over() {
    let planner = Planner::builder().seed(3).faults(Faults::bad_network()).start().await.unwrap();
    planner.break_down_at(60);
    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let five = ConcurrencyLimitLayer::default();
    let plans = Stack::new().limit(five.clone()).retry(|retry| {
        let backoff = std::time::Duration::from_millis(1);
        retry.backoff(backoff, backoff * 5).whole_responses(64 * 1024)
    });
    let plans = plans.build().unwrap().layer(http.clone());
    let once = Stack::new().limit(five).without_retry().build().unwrap().layer(http);
    let outbox = Outbox::new(MemoryStore::new());

    let base = planner.uri("/orders/").to_string();
    let to_request =
        move |row: &u32| Request::put(format!("{base}{}", row % 40)).body(format!("{{\"row\":{row}}}"));
    let mut upserts =
        UpsertAll::new(plans, to_request).defer_to(&outbox).records(stream::iter(0..80)).unwrap();
    let mut deferred = Vec::new();
    while let Some(record) = upserts.next().await {
        deferred.extend(record.entry);
        assert!(record.outcome.is_written() || record.outcome == UpsertOutcome::Deferred, "{record}");
    }
    assert!(upserts.report().await.unwrap().is_success());
    assert!(!deferred.is_empty());

    planner.repair();
    planner.set_faults(Faults::none());
    let worker = outbox.worker(once).start();
    for entry in deferred {
        assert_eq!(outbox.ticket(entry).ended().await.unwrap().state, State::Done);
    }
    worker.shutdown().await;
    for order in 0..40 {
        let held = planner.entity(&format!("/orders/{order}")).unwrap();
        assert_eq!(held.body, format!("{{\"row\":{}}}", order + 40));
    }
    assert!(planner.most_in_flight() <= 5);
}
