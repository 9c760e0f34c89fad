//! Property tests: a run with a journal that is dropped at any moment and started again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::stream;
use martello_upsert::{Journal, Record, UpsertAll, UpsertOutcome};
use proptest::prelude::*;

use crate::support::{Memory, Row, put, records, target};

const KEYS: [&str; 4] = ["a", "b", "c", "d"];

#[derive(Clone, Debug)]
struct Case {
    /// For each row: its key, how often it fails before it is written, and the delay of each response in
    /// milliseconds.
    rows: Vec<(usize, u32, u64)>,
    concurrency: usize,
    latest_wins: bool,
    /// After how many milliseconds runs are dropped.
    drops: Vec<u64>,
}

fn cases() -> impl Strategy<Value = Case> {
    let fails = prop_oneof![3 => Just(0_u32), 1 => Just(1), 1 => Just(2)];
    let rows = prop::collection::vec((0..KEYS.len(), fails, 0..20_u64), 1..30);
    let drops = prop::collection::vec(0..60_u64, 0..4);
    (rows, 1..6_usize, any::<bool>(), drops).prop_map(|(rows, concurrency, latest_wins, drops)| Case {
        rows,
        concurrency,
        latest_wins,
        drops,
    })
}

async fn upserts(case: &Case, server: &Memory, path: &Path) -> UpsertAll<Row> {
    let journal = Journal::open(path, "rows", target()).await.unwrap();
    let upserts = UpsertAll::new(server.clone(), put).concurrency(case.concurrency).journal(journal);
    if case.latest_wins { upserts.latest_wins() } else { upserts }
}

/// Drops some runs, and then repeats complete runs until nothing fails.
async fn play(case: &Case, server: &Memory, path: &Path) -> Vec<Record> {
    let input: Vec<Row> = (0..).zip(&case.rows).map(|(value, row)| (KEYS[row.0], value)).collect();
    for millis in &case.drops {
        let run = upserts(case, server, path).await.run(stream::iter(input.clone()));
        let _ = tokio::time::timeout(Duration::from_millis(*millis), run).await;
        // The dropped tasks unlock the journal when the runtime polls them next.
        tokio::time::sleep(Duration::from_millis(1)).await;
        server.seen().in_flight.clear();
    }
    let mut last = Vec::new();
    for _ in 0..10 {
        let records = records(upserts(case, server, path).await, stream::iter(input.clone())).await;
        if records.iter().all(|record| !record.outcome.is_failure()) {
            return records;
        }
        last = records;
    }
    unreachable!("it has not come to an end: {last:?}");
}

fn check(case: &Case, records: &[Record], server: &Memory) {
    let places: Vec<u64> = records.iter().map(|record| record.row).collect();
    assert_eq!(places, (0..case.rows.len() as u64).collect::<Vec<_>>(), "one record per row");
    let mut written: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (key, value) in &server.seen().written {
        written.entry(key.clone()).or_default().push(*value);
    }
    for (place, key) in KEYS.iter().enumerate() {
        let rows = (0..).zip(&case.rows).filter(|(_, row)| row.0 == place).map(|(value, _)| value);
        let rows: Vec<u32> = rows.collect();
        let Some(last) = rows.last() else { continue };
        let of_key = &written[*key];
        assert!(of_key.is_sorted(), "nothing older is written over {key}: {of_key:?}");
        assert_eq!(of_key.last(), Some(last), "{key} is as in the input");
    }
    for record in records {
        let value = u32::try_from(record.row).unwrap();
        let sent = server.seen().written.iter().any(|(_, written)| *written == value);
        assert_eq!(sent, record.outcome == UpsertOutcome::Updated, "{record}");
    }
    let values: Vec<u32> = server.seen().written.iter().map(|(_, value)| *value).collect();
    let repeats = values.len() - values.iter().collect::<BTreeSet<_>>().len();
    assert!(repeats <= case.drops.len() * case.concurrency, "only what was in flight is repeated");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn runs_dropped_at_any_moment_end_with_the_input_and_never_overwrite_newer_entities(case in cases()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let rows = case.rows.clone();
        let attempts: Arc<Mutex<BTreeMap<u32, u32>>> = Arc::default();
        let server = Memory::new(move |_, value| {
            let (_, fails, millis) = rows[value as usize];
            let mut attempts = attempts.lock().unwrap();
            let attempt = attempts.entry(value).or_default();
            *attempt += 1;
            (if *attempt > fails { 200 } else { 503 }, Duration::from_millis(millis))
        });
        let place = tempfile::tempdir().unwrap();
        let records = runtime.block_on(play(&case, &server, &place.path().join("journal")));
        check(&case, &records, &server);
    }
}
