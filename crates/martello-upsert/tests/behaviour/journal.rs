//! Resumed runs.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use martello_upsert::{Journal, Record, UpsertOutcome};

use crate::support::{Memory, Row, outcomes, records, rows, target, upserts};

const INPUT: [Row; 8] = [("a", 0), ("b", 1), ("a", 2), ("c", 3), ("d", 4), ("a", 5), ("e", 6), ("f", 7)];

async fn open(place: &Path) -> Journal {
    Journal::open(place.join("journal"), "orders", target()).await.unwrap()
}

fn values(server: &Memory) -> Vec<u32> {
    let mut values: Vec<_> = server.seen().written.iter().map(|(_, value)| *value).collect();
    values.sort_unstable();
    values
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_has_a_record_for_each_row() {
    let place = tempfile::tempdir().unwrap();
    let server = Memory::healthy();
    let stopped = upserts(&server).concurrency(2).journal(open(place.path()).await);
    let stopped = stopped.stop_when(tokio::time::sleep(Duration::from_millis(1_500)));
    let report = stopped.run(rows(INPUT)).await.unwrap();
    assert!(report.is_stopped());
    let first = server.seen().written.len();
    assert!((2..8).contains(&first), "{first}");

    let again = upserts(&server).journal(open(place.path()).await);
    let mut progress = again.progress();
    let records = records(again, rows(INPUT)).await;
    assert_eq!(outcomes(&records), ["updated"; 8]);
    assert_eq!(records.iter().map(|record| record.row).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    assert_eq!(values(&server), (0..8).collect::<Vec<_>>());
    let seen = *progress.borrow_and_update();
    assert_eq!((seen.taken, seen.done()), (8, 8));
}

#[tokio::test(start_paused = true)]
async fn a_complete_run_sends_nothing_more_and_has_the_same_report() {
    let place = tempfile::tempdir().unwrap();
    let server = Memory::new(|key, _| (if key == "b" { 422 } else { 201 }, Duration::from_secs(1)));
    let first = records(upserts(&server).journal(open(place.path()).await), rows(INPUT)).await;
    let sent = server.seen().arrived.len();
    let second = records(upserts(&server).journal(open(place.path()).await), rows(INPUT)).await;
    assert_eq!(second, first);
    assert_eq!((sent, server.seen().arrived.len()), (8, 8));
}

#[tokio::test(start_paused = true)]
async fn exhausted_entities_are_sent_again_and_rejected_ones_are_not() {
    let place = tempfile::tempdir().unwrap();
    let well = Arc::new(AtomicBool::new(false));
    let mood = Arc::clone(&well);
    let server = Memory::new(move |key, _| {
        let status = match key {
            "b" => 422,
            "c" | "d" if !mood.load(Ordering::SeqCst) => 503,
            _ => 200,
        };
        (status, Duration::from_secs(1))
    });
    let first = records(upserts(&server).journal(open(place.path()).await), rows(INPUT)).await;
    assert_eq!((first[3].outcome, first[4].outcome), (UpsertOutcome::Exhausted, UpsertOutcome::Exhausted));
    well.store(true, Ordering::SeqCst);
    let second = records(upserts(&server).journal(open(place.path()).await), rows(INPUT)).await;
    assert_eq!(second[1].outcome, UpsertOutcome::Rejected);
    assert_eq!((second[3].outcome, second[4].outcome), (UpsertOutcome::Updated, UpsertOutcome::Updated));
    assert_eq!(server.seen().arrived.len(), 8 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_entity_is_not_sent_after_a_newer_one_of_its_key() {
    let place = tempfile::tempdir().unwrap();
    let well = Arc::new(AtomicBool::new(false));
    let mood = Arc::clone(&well);
    // Of a: 0 fails, 2 is written, 5 fails.
    let server = Memory::new(move |_, value| {
        let fails = !mood.load(Ordering::SeqCst) && (value == 0 || value == 5);
        (if fails { 503 } else { 200 }, Duration::from_secs(1))
    });
    let first = records(upserts(&server).journal(open(place.path()).await), rows(INPUT)).await;
    assert_eq!(first.iter().filter(|record| record.outcome == UpsertOutcome::Exhausted).count(), 2);
    well.store(true, Ordering::SeqCst);
    let second = records(upserts(&server).journal(open(place.path()).await), rows(INPUT)).await;
    assert_eq!((second[0].outcome, second[5].outcome), (UpsertOutcome::Superseded, UpsertOutcome::Updated));
    let of_a: Vec<_> =
        server.seen().written.iter().filter(|(key, _)| key == "a").map(|(_, value)| *value).collect();
    assert_eq!(of_a, [2, 5]);
    // The next run does not change that.
    let third = records(upserts(&server).journal(open(place.path()).await), rows(INPUT)).await;
    assert_eq!(outcomes(&third), outcomes(&second));
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_request_is_recorded_too() {
    let place = tempfile::tempdir().unwrap();
    let upserts = || upserts(&Memory::healthy()).key_by(|row| if row.0 == "b" { "" } else { row.0 });
    let first = records(upserts().journal(open(place.path()).await), rows(INPUT)).await;
    let second = records(upserts().journal(open(place.path()).await), rows(INPUT)).await;
    assert_eq!((first[1].outcome, second), (UpsertOutcome::Rejected, first));
}

#[tokio::test(start_paused = true)]
async fn a_line_of_the_journal_is_the_record() {
    let place = tempfile::tempdir().unwrap();
    let expected = records(upserts(&Memory::healthy()).journal(open(place.path()).await), rows(INPUT)).await;
    let text = std::fs::read_to_string(place.path().join("journal")).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    assert!(
        header.starts_with(r#"{"martello_upserts":3,"input":"orders","method":"PUT","url":""#),
        "{header}"
    );
    let mut written: Vec<Record> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    written.sort_by_key(|record| record.row);
    assert_eq!(written, expected);
}
