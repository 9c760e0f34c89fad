use std::error::Error;

use martello_upsert::{Progress, UpsertErrorKind, UpsertOutcome};

use crate::support::{Memory, rows, upserts};

#[tokio::test]
async fn a_setting_out_of_its_range_is_an_error_before_anything_is_sent() {
    let server = Memory::healthy();
    for concurrency in [0, 1_001] {
        let error = upserts(&server).concurrency(concurrency).run(rows([("a", 1)])).await.unwrap_err();
        assert_eq!(error.kind(), UpsertErrorKind::Config);
        let expected = format!("`concurrency` is {concurrency}, but must be 1 to 1,000");
        assert_eq!(error.source().unwrap().to_string(), expected);
    }
    let error = upserts(&server).look_ahead(100_001).records(rows([("a", 1)])).unwrap_err();
    assert_eq!(error.to_string(), "`look_ahead` is 100001, but must be 0 to 100,000");
    assert!(server.seen().arrived.is_empty());
}

#[tokio::test]
async fn an_input_without_rows_is_a_success() {
    let upserts = upserts(&Memory::healthy());
    let progress = upserts.progress();
    let report = upserts.run(rows([])).await.unwrap();
    assert!(report.is_success());
    assert_eq!(report.counts().total(), 0);
    assert_eq!(report.to_string(), "0 entities in 0.0 s\n");
    let mut expected = Progress::default();
    expected.ended = true;
    assert_eq!(*progress.borrow(), expected);
}

#[test]
fn an_outcome_is_the_same_after_a_round_trip_through_its_name() {
    for outcome in UpsertOutcome::ALL {
        assert_eq!(outcome.to_string().parse(), Ok(*outcome));
        assert_eq!(serde_json::to_string(outcome).unwrap(), format!("\"{outcome}\""));
    }
    assert!("lost".parse::<UpsertOutcome>().is_err());
}
