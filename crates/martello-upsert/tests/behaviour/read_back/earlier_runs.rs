//! Entities that an earlier run with the journal has sent.

use futures_util::stream;
use http::{Method, Request, Response};
use martello_body::Body;
use martello_outcome::{CallError, ErrorKind, Outcome};
use martello_upsert::{Journal, Record, UpsertAll};
use tower::service_fn;

use super::{METHODS, Reply, believing, comparing, written};
use crate::support::{records, target};

/// The outcome of a write in the last of several runs with one journal, with these responses in each run.
async fn at_last(
    method: &Method,
    runs: &[&[Reply]],
    found: (u16, &'static str),
    set: fn(UpsertAll<()>) -> UpsertAll<()>,
) -> Record {
    let place = tempfile::tempdir().unwrap();
    let mut last = None;
    for replies in runs {
        let journal = Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let run = |upserts: UpsertAll<()>| set(upserts).journal(journal);
        last = Some(written(method.clone(), replies, found, run).await.0);
    }
    last.unwrap()
}

const MAY_HAVE_WRITTEN: [&[&[Reply]]; 4] = [
    &[&[Reply::Nothing]],
    &[&[Reply::Status(504)]],
    &[&[Reply::Nothing, Reply::Status(503)]],
    &[&[Reply::Status(500)], &[Reply::Status(503)]],
];

#[tokio::test(start_paused = true)]
async fn a_resumed_run_completes_a_delete_that_an_earlier_run_sent() {
    for reads_back in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let journal = async || Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let first = journal().await;
        let (record, _) =
            written(Method::DELETE, &[Reply::Nothing], (404, ""), |upserts| upserts.journal(first)).await;
        assert_eq!(record.outcome.as_str(), "ambiguous");
        let second = journal().await;
        let (record, _) = written(Method::DELETE, &[Reply::Status(404)], (404, ""), |upserts| {
            let upserts = upserts.journal(second);
            if reads_back { believing(upserts) } else { upserts }
        })
        .await;
        assert_eq!((record.outcome.as_str(), record.read_back), ("updated", false));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_reads_back_a_conflict_with_what_an_earlier_run_sent() {
    let place = tempfile::tempdir().unwrap();
    for (replies, reads_back, outcome) in
        [(Reply::Nothing, false, "ambiguous"), (Reply::Status(409), true, "updated")]
    {
        let journal = Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let (record, _) = written(Method::PUT, &[replies], (200, "ours"), |upserts| {
            let upserts = upserts.journal(journal);
            if reads_back { comparing(upserts) } else { upserts }
        })
        .await;
        assert_eq!(record.outcome.as_str(), outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_what_an_earlier_run_may_have_written_has_a_reason() {
    for method in METHODS {
        for earlier in MAY_HAVE_WRITTEN {
            for conflict in [409, 412] {
                let last = [Reply::Status(conflict)];
                let runs = [earlier, &[&last]].concat();
                let record = at_last(&method, &runs, (200, ""), |upserts| upserts).await;
                assert_eq!(record.outcome.as_str(), "conflict", "{method} {runs:?}");
                let reason = record.reason.unwrap_or_default();
                assert!(
                    reason.contains("may be the result of an earlier run"),
                    "{method} {runs:?}: {reason}"
                );
            }
        }
        // After attempts of the same run, the outcome is ambiguous.
        let runs = [&[Reply::Nothing][..], &[Reply::Nothing, Reply::Status(409)]];
        let record = at_last(&method, &runs, (200, ""), |upserts| upserts).await;
        assert_eq!(record.outcome.as_str(), "ambiguous");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_what_no_earlier_run_can_have_written_has_no_reason() {
    for method in METHODS {
        for earlier in [&[Reply::Status(503)][..], &[Reply::Status(503), Reply::Status(429)]] {
            let runs = [earlier, &[Reply::Status(409)]];
            let record = at_last(&method, &runs, (200, ""), |upserts| upserts).await;
            assert_eq!((record.outcome.as_str(), record.reason), ("conflict", None), "{method} {runs:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_that_cannot_be_read_back_is_final() {
    for found in [(200, "a list"), (404, ""), (405, "")] {
        let runs = [&[Reply::Nothing][..], &[Reply::Status(409)]];
        let record = at_last(&Method::POST, &runs, found, comparing).await;
        assert_eq!((record.outcome.as_str(), record.read_back), ("conflict", true), "{found:?}");
    }
    // In another run it can be read.
    let runs = [&[Reply::Nothing][..], &[Reply::Status(409)]];
    let record = at_last(&Method::POST, &runs, (500, ""), comparing).await;
    assert_eq!(record.outcome.as_str(), "ambiguous");
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_after_an_earlier_run_is_updated() {
    for gone in [404, 410] {
        for earlier in MAY_HAVE_WRITTEN {
            let last = [Reply::Status(gone)];
            let runs = [earlier, &[&last]].concat();
            let record = at_last(&Method::DELETE, &runs, (200, ""), |upserts| upserts).await;
            assert_eq!((record.outcome.as_str(), record.reason), ("updated", None), "{runs:?}");
        }
        let runs = [&[Reply::Status(503), Reply::Status(503)][..], &[Reply::Status(gone)]];
        let record = at_last(&Method::DELETE, &runs, (200, ""), |upserts| upserts).await;
        assert_eq!(record.outcome.as_str(), "rejected");
    }
}

/// A conflict with an entity that could not be sent.
#[tokio::test(start_paused = true)]
async fn a_conflict_after_an_unsent_run_is_a_conflict() {
    let place = tempfile::tempdir().unwrap();
    let journal = async || Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
    let refused = service_fn(|_: Request<Body>| async {
        let refused = CallError::new(ErrorKind::Transport, Outcome::Unsent, "connection refused");
        Err::<Response<Body>, _>(refused)
    });
    let put = |(): &()| Request::put("http://api/orders/a").body("ours");
    let first = UpsertAll::new(refused, put).journal(journal().await);
    assert_eq!(records(first, stream::iter([()])).await[0].outcome.as_str(), "exhausted");
    let second = journal().await;
    let (record, _) =
        written(Method::PUT, &[Reply::Status(409)], (200, ""), |upserts| upserts.journal(second)).await;
    assert_eq!((record.outcome.as_str(), record.reason), ("conflict", None));
}
