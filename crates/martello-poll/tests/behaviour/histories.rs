use proptest::prelude::*;

use crate::simulation::{Fault, History, Outcome, Record, Run, history, run};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // As many as `PROPTEST_CASES` says, 256 if it says nothing.
    #[test]
    fn nothing_is_lost_and_no_checkpoint_runs_ahead(history in history()) {
        let outcome = run(history);
        prop_assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
    }
}

/// Plannings on several pages, some of them late, with equal stamps, or changed once more.
fn plain() -> History {
    let record = |key, at, late, created| Record { key, at, late, created };
    let early = (0..7).map(|key| record(key, 0, 0, key * 30));
    let late = [(7, 12_000, 20_000, 5), (8, 30_000, 9_000, 200), (9, 30_000, 0, 1), (2, 45_000, 0, 60)];
    let late = late.into_iter().map(|(key, at, late, created)| record(key, at, late, created));
    History {
        records: early.chain(late).collect(),
        faults: Vec::new(),
        page_sizes: vec![3],
        inclusive: false,
        date: true,
        etag: true,
        ahead: -600,
        runs: Vec::new(),
        rival: None,
        remember: 1_000,
        work: 10,
        rejects: true,
        seed: 7,
    }
}

#[track_caller]
fn assert_sound(history: &History) -> Outcome {
    let outcome = run(history.clone());
    assert!(outcome.violations.is_empty(), "{:#?} {history:#?}", outcome.violations);
    outcome
}

#[test]
fn a_crash_at_any_wait_loses_nothing() {
    let mut waits = 0;
    while assert_sound(&History { runs: vec![Run::Crash(waits)], ..plain() }).crashes > 0 {
        waits += 1;
    }
    assert!(waits > 100, "{waits} waits are no whole history");
}

#[test]
fn a_stop_after_any_event_loses_nothing_and_repeats_nothing() {
    for events in 0..20 {
        assert_sound(&History { runs: vec![Run::Stop(events)], ..plain() });
    }
}

#[test]
fn any_fault_at_any_request_loses_nothing() {
    let faults = [
        Fault::Slow(15_000),
        Fault::Status(410),
        Fault::Status(500),
        Fault::RetryAfter(3),
        Fault::Unsent,
        Fault::BodyBreaks,
        Fault::BodyCut,
        Fault::NotJson,
        Fault::Circle,
        Fault::Empty,
    ];
    for fault in faults {
        for request in 0..12 {
            let faults = std::iter::repeat_n(Fault::None, request).chain([fault]).collect();
            assert_sound(&History { faults, ..plain() });
        }
    }
}
