//! Property tests: one record per row, the order per key, and the limit.

use std::{collections::BTreeMap, time::Duration};

use futures_util::stream;
use martello_upsert::{Record, UpsertAll, UpsertOutcome};
use proptest::prelude::*;

use crate::support::{Memory, Row, put};

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

#[derive(Clone, Debug)]
struct Case {
    /// For each row: its key, its response, and the delay in milliseconds.
    rows: Vec<(usize, u16, u64)>,
    concurrency: usize,
    look_ahead: usize,
    latest_wins: bool,
    stop_after: Option<u64>,
    reader_waits: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let status =
        prop_oneof![4 => Just(200_u16), 1 => Just(201), 1 => Just(422), 1 => Just(503), 1 => Just(412)];
    let rows = prop::collection::vec((0..KEYS.len(), status, 0..20_u64), 0..60);
    let stop_after = prop::option::weighted(0.3, 0..100_u64);
    (rows, 1..8_usize, 0..6_usize, any::<bool>(), stop_after, 0..3_u64).prop_map(
        |(rows, concurrency, look_ahead, latest_wins, stop_after, reader_waits)| Case {
            rows,
            concurrency,
            look_ahead,
            latest_wins,
            stop_after,
            reader_waits,
        },
    )
}

async fn play(case: &Case, server: &Memory) -> (Vec<Record>, bool) {
    let input: Vec<Row> = (0..).zip(&case.rows).map(|(value, row)| (KEYS[row.0], value)).collect();
    let mut upserts =
        UpsertAll::new(server.clone(), put).concurrency(case.concurrency).look_ahead(case.look_ahead);
    if case.latest_wins {
        upserts = upserts.latest_wins();
    }
    if let Some(millis) = case.stop_after {
        upserts = upserts.stop_when(tokio::time::sleep(Duration::from_millis(millis)));
    }
    let mut reading = upserts.records(stream::iter(input)).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reading.next().await {
        tokio::time::sleep(Duration::from_millis(case.reader_waits)).await;
        records.push(record);
    }
    (records, reading.report().await.unwrap().is_stopped())
}

fn check(case: &Case, mut records: Vec<Record>, stopped: bool, server: &Memory) {
    records.sort_by_key(|record| record.row);
    let seen = server.seen();
    let places: Vec<u64> = records.iter().map(|record| record.row).collect();
    assert_eq!(places, (0..records.len() as u64).collect::<Vec<_>>(), "one record per row that was taken");
    if !stopped {
        assert_eq!(records.len(), case.rows.len(), "every row was taken");
    }
    assert!(seen.most_in_flight <= case.concurrency, "the cap");
    assert!(!seen.two_of_a_key, "one of a key at a time");

    let arrived: BTreeMap<u32, usize> =
        (0..).zip(&seen.arrived).map(|(place, (_, value))| (*value, place)).collect();
    assert_eq!(arrived.len(), seen.arrived.len(), "nothing is sent twice");
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    for (record, (key, status, _)) in records.iter().zip(&case.rows) {
        let sent = arrived.get(&u32::try_from(record.row).unwrap());
        let expected = match (sent, status) {
            (None, _) if record.outcome == UpsertOutcome::NotAttempted => UpsertOutcome::NotAttempted,
            (None, _) => UpsertOutcome::Superseded,
            (_, 200) => UpsertOutcome::Updated,
            (_, 201) => UpsertOutcome::Created,
            (_, 422) => UpsertOutcome::Rejected,
            (_, 412) => UpsertOutcome::Conflict,
            _ => UpsertOutcome::Exhausted,
        };
        assert_eq!(record.outcome, expected, "row {}", record.row);
        let Some(sent) = sent else { continue };
        let earlier = last.insert(*key, *sent);
        assert!(earlier.is_none_or(|earlier| earlier < *sent), "those of a key are sent in order");
    }
    check_unsent(case, &records, stopped);
}

/// Only entities with a newer one are superseded, and only after a stop are entities not attempted.
fn check_unsent(case: &Case, records: &[Record], stopped: bool) {
    for record in records {
        let place = usize::try_from(record.row).unwrap();
        let newer = records.iter().skip(place + 1).any(|newer| newer.key == record.key);
        match record.outcome {
            UpsertOutcome::Superseded => assert!(case.latest_wins && newer, "row {place} was superseded"),
            UpsertOutcome::NotAttempted => assert!(stopped, "row {place} was not attempted"),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_record_per_row_in_order_per_key_within_the_cap(case in cases()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let rows = case.rows.clone();
        let server = Memory::new(move |_, value| {
            let (_, status, millis) = rows[value as usize];
            (status, Duration::from_millis(millis))
        });
        let (records, stopped) = runtime.block_on(play(&case, &server));
        check(&case, records, stopped, &server);
    }
}
