use std::time::Duration;

use futures_util::{StreamExt, stream};
use martello_upsert::{Record, UpsertOutcome};

use crate::support::{Memory, Row, rows, upserts};

#[tokio::test(start_paused = true)]
async fn a_reader_that_stops_reading_does_not_block_requests_in_flight() {
    let server = Memory::healthy();
    let input = stream::iter((0..1_000).map(|value| -> Row { ("a", value) }));
    let mut reading = upserts(&server).unordered().records(input).unwrap();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    {
        let seen = server.seen();
        // The requests in flight have ended, and no more were sent than may be unread.
        assert_eq!(seen.in_flight["a"], 0);
        assert!((128..=140).contains(&seen.written.len()), "{}", seen.written.len());
    }
    let mut count = 0;
    while reading.next().await.is_some() {
        count += 1;
    }
    assert_eq!(count, 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_gets_each_record_and_does_not_slow_down_the_requests() {
    let server = Memory::healthy();
    let input = stream::iter((0..100).map(|value| -> Row { ("a", value) }));
    let began = tokio::time::Instant::now();
    let reading = upserts(&server).unordered().records(input).unwrap();
    // The reader is busy between two records.
    let read = reading.then(|_| tokio::time::sleep(Duration::from_millis(199))).count();
    assert_eq!(read.await, 100);
    assert!(began.elapsed() < Duration::from_millis(21_200), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn progress_counts_the_rows_by_outcome() {
    let server = Memory::new(|key, _| (if key == "b" { 422 } else { 201 }, Duration::from_secs(1)));
    let upserts = upserts(&server).concurrency(2);
    let mut progress = upserts.progress();
    let mut reading = upserts.records(rows([("a", 1), ("a", 2), ("b", 3), ("c", 4)])).unwrap();
    let seen = *progress.wait_for(|seen| seen.in_flight == 2).await.unwrap();
    assert_eq!((seen.taken, seen.waiting, seen.done()), (3, 1, 0));
    while reading.next().await.is_some() {}
    let seen = *progress.wait_for(|seen| seen.ended).await.unwrap();
    assert_eq!((seen.taken, seen.in_flight, seen.waiting), (4, 0, 0));
    assert_eq!((seen.counts.get(UpsertOutcome::Created), seen.counts.failed()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_report_keeps_the_slowest_and_the_first_failures() {
    let server = Memory::new(|_, value| {
        (if value % 2 == 1 { 422 } else { 200 }, Duration::from_millis(u64::from(value) + 1))
    });
    let input = stream::iter((0..500).map(|value| -> Row { ("a", value) }));
    let report = upserts(&server).unordered().run(input).await.unwrap();
    let slowest: Vec<_> = report.slowest().iter().map(|record| record.row).collect();
    assert_eq!(slowest, (490..500).rev().collect::<Vec<_>>());
    assert_eq!((report.failures().len(), report.counts().failed()), (100, 250));
    assert!(!report.is_success());
    let first: Vec<_> = report.failures().iter().take(3).map(|record| record.row).collect();
    assert_eq!(first, [1, 3, 5]);
    assert_eq!(report.latency().count(), 500);
    assert_eq!(report.latency().max(), Duration::from_millis(500));
    assert!(report.to_string().contains("\n  and 150 failures more\n"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_record_is_the_same_after_a_round_trip_through_json() {
    let server = Memory::new(|key, _| (if key == "b" { 422 } else { 201 }, Duration::from_secs(1)));
    let mut reading =
        upserts(&server).latest_wins().records(rows([("a", 1), ("b", 2), ("b", 3), ("b", 4)])).unwrap();
    while let Some(record) = reading.next().await {
        let line = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record, "{line}");
        if record.row == 0 {
            let expected = r#"{"row":0,"key":"api.example/orders/a","outcome":"created","status":201,"attempts":1,"latency_us":1000000}"#;
            assert_eq!(line, expected);
        }
    }
    for wrong in [
        r#"{"row":0,"outcome":"created","status":7,"attempts":1,"latency_us":1}"#,
        r#"{"row":0,"outcome":"created","attempts":1,"latency_us":1,"tracking_ids":["a b"]}"#,
        r#"{"row":-1,"outcome":"created","attempts":1,"latency_us":1}"#,
        r#"{"row":0,"outcome":"lost","attempts":1,"latency_us":1}"#,
    ] {
        assert!(serde_json::from_str::<Record>(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
#[should_panic(expected = "on purpose")]
async fn a_panic_of_the_callers_code_is_resumed() {
    let input = rows([("a", 1)]).map(|_| -> Row { panic!("on purpose") });
    let reading = upserts(&Memory::healthy()).records(input).unwrap();
    let _ = reading.report().await;
}

#[test]
fn a_displayed_record_has_no_control_characters() {
    let shown = |line: &str| serde_json::from_str::<Record>(line).unwrap().to_string();
    let body = shown(
        r#"{"row":0,"key":"h/\u202e1","outcome":"rejected","attempts":1,"latency_us":1,"body":"no\u001b]52;c;Zm9v\u0007\nmore"}"#,
    );
    assert_eq!(body, "row 0, h/\\u{202e}1: rejected, after 1 attempt: no\\u{1b}]52;c;Zm9v\\u{7}");
    let reason =
        shown(r#"{"row":0,"outcome":"rejected","attempts":0,"latency_us":0,"reason":"a\u009bb\u2066"}"#);
    assert_eq!(reason, "row 0: rejected: a\\u{9b}b\\u{2066}");
}
