use std::time::Duration;

use futures_util::stream;
use martello_upsert::UpsertOutcome;

use crate::support::{Memory, Row, outcomes, records, rows, upserts};

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_requests_in_flight_and_records_the_rest_as_not_attempted() {
    let server = Memory::healthy();
    let keys = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let input = [("a", 0), ("a", 1)].into_iter().chain(keys.into_iter().skip(1).map(|key| (key, 2)));
    let upserts = upserts(&server).stop_when(tokio::time::sleep(Duration::from_millis(500)));
    let mut reading = upserts.records(rows(input)).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reading.next().await {
        records.push(record);
    }
    let report = reading.report().await.unwrap();
    records.sort_by_key(|record| record.row);
    // Five were in flight, one waited for its key, and the rest was not read.
    assert_eq!(outcomes(&records), ["updated", "not_attempted", "updated", "updated", "updated", "updated"]);
    assert!(report.is_stopped() && !report.is_success());
    assert_eq!(report.counts().get(UpsertOutcome::NotAttempted), 1);
    assert_eq!(server.seen().arrived.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_stop_after_the_last_row_was_sent_does_not_count() {
    let upserts = upserts(&Memory::healthy()).stop_when(tokio::time::sleep(Duration::from_millis(500)));
    let report = upserts.run(rows([("a", 1), ("b", 2)])).await.unwrap();
    assert!(report.is_success());
    assert_eq!(report.counts().written(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_start_sends_nothing() {
    let server = Memory::healthy();
    let report = upserts(&server).stop_when(std::future::ready(())).run(rows([("a", 1)])).await.unwrap();
    assert!(report.is_stopped());
    assert!(server.seen().arrived.is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_run_aborts_requests_in_flight() {
    let server = Memory::healthy();
    let input = || stream::iter(std::iter::repeat::<Row>(("a", 1)));
    let run = upserts(&server).unordered().run(input());
    assert!(tokio::time::timeout(Duration::from_millis(500), run).await.is_err());
    let reading = upserts(&server).unordered().records(input()).unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    drop(reading);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let seen = server.seen();
    assert_eq!((seen.arrived.len(), seen.written.len()), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn waiting_entities_are_not_attempted_even_if_the_input_has_ended() {
    let server = Memory::healthy();
    let upserts = upserts(&server).stop_when(tokio::time::sleep(Duration::from_millis(1_500)));
    let records = records(upserts, rows([("a", 1), ("a", 2), ("a", 3)])).await;
    assert_eq!(outcomes(&records), ["updated", "updated", "not_attempted"]);
}
