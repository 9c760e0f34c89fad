//! Which entities are ordered, superseded and blocked.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, stream};
use http::Request;
use martello_upsert::{Journal, Record, UpsertAll};

use crate::support::{Memory, ill, outcomes, records, target, written};

/// A method, a target, and a body. Targets that start with a question mark share one path.
type Write = (&'static str, &'static str, u32);

fn to_request(write: &Write) -> Result<Request<String>, http::Error> {
    let url = format!("http://api.example/orders/{}", write.1);
    Request::builder().method(write.0).uri(url).body(write.2.to_string())
}

fn input(writes: &[Write]) -> impl Stream<Item = Write> + Send + 'static {
    stream::iter(writes.to_vec())
}

fn upserts(server: &Memory) -> UpsertAll<Write> {
    UpsertAll::new(server.clone(), to_request)
}

async fn journal(place: &Path) -> Journal {
    Journal::open(place.join("journal"), "orders", target()).await.unwrap()
}

/// The records of a run with these responses, those of the next run with its journal, and everything that was
/// written.
async fn twice(
    writes: &[Write],
    answers: &'static [(u32, u16)],
    run: impl Fn(UpsertAll<Write>) -> UpsertAll<Write>,
) -> (Vec<Record>, Vec<Record>, Vec<u32>) {
    let place = tempfile::tempdir().unwrap();
    let (server, well) = ill(answers);
    let first = records(run(upserts(&server)).journal(journal(place.path()).await), input(writes)).await;
    well.store(true, Ordering::SeqCst);
    let second = records(run(upserts(&server)).journal(journal(place.path()).await), input(writes)).await;
    (first, second, written(&server))
}

#[tokio::test(start_paused = true)]
async fn a_failed_entity_is_sent_again_although_another_query_of_its_path_was_written() {
    let writes = [("PUT", "?id=a", 0), ("PUT", "?id=b", 1)];
    let (first, second, written) = twice(&writes, &[(0, 503)], |upserts| upserts).await;
    assert_eq!(outcomes(&first), ["exhausted", "updated"]);
    assert_eq!((outcomes(&second), written), (vec!["updated"; 2], vec![1, 0]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_entity_blocks_another_target_of_its_named_key() {
    let writes = [("PUT", "?id=a", 0), ("PUT", "?id=b", 1)];
    let (first, second, written) = twice(&writes, &[(0, 503)], |upserts| upserts.key_by(|_| "all")).await;
    assert_eq!(outcomes(&first), ["exhausted", "not_attempted"]);
    assert_eq!((outcomes(&second), written), (vec!["updated"; 2], vec![0, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_entity_is_superseded_by_the_whole_state_of_the_same_target() {
    let writes = [("PUT", "a?of=b", 0), ("DELETE", "a?of=b", 1), ("PUT", "c", 2)];
    let (first, second, written) = twice(&writes, &[(0, 503)], |upserts| upserts.concurrency(1)).await;
    assert_eq!(outcomes(&first), ["exhausted", "updated", "updated"]);
    assert_eq!(outcomes(&second), ["superseded", "updated", "updated"]);
    assert_eq!(written, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_entity_is_sent_again_if_the_next_one_was_rejected() {
    let answers: [&'static [(u32, u16)]; 2] = [&[(0, 503), (1, 409)], &[(0, 503), (1, 422)]];
    for answers in answers {
        let writes = [("PUT", "a", 0), ("PUT", "a", 1)];
        let (_, second, written) = twice(&writes, answers, |upserts| upserts).await;
        assert_eq!((second[0].outcome.as_str(), written), ("updated", vec![0]), "{answers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_part_blocks_its_key_and_the_next_run_sends_all_in_order() {
    let writes = [("PATCH", "a", 0), ("PATCH", "a", 1), ("PATCH", "b", 2), ("PUT", "a", 3)];
    let (first, second, written) = twice(&writes, &[(0, 503)], |upserts| upserts).await;
    assert_eq!(outcomes(&first), ["exhausted", "not_attempted", "updated", "not_attempted"]);
    let reason = "an older row of its key failed and must be sent first";
    assert_eq!(first[1].reason.as_deref(), Some(reason));
    assert_eq!(outcomes(&second), ["updated"; 4]);
    assert_eq!(written, [2, 0, 1, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_part_blocks_its_key_also_without_a_journal() {
    for (method, key) in [("PATCH", None), ("POST", Some("one")), ("PATCH", Some("one"))] {
        let (server, _) = ill(&[(0, 503)]);
        let upserts = upserts(&server).concurrency(1);
        let upserts = match key {
            Some(key) => upserts.key_by(move |write: &Write| if write.1 == "b" { "other" } else { key }),
            None => upserts,
        };
        let writes = [(method, "a", 0), (method, "b", 1), (method, "a", 2), (method, "a", 3)];
        let records = records(upserts, input(&writes)).await;
        assert_eq!(
            outcomes(&records),
            ["exhausted", "updated", "not_attempted", "not_attempted"],
            "{method}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_part_blocks_nothing() {
    let writes = [("PATCH", "a", 0), ("PATCH", "a", 1)];
    let (first, _, written) = twice(&writes, &[(0, 422)], |upserts| upserts).await;
    assert_eq!((outcomes(&first), written), (vec!["rejected", "updated"], vec![1]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_whole_state_blocks_parts_until_it_is_superseded() {
    let writes = [("PUT", "a", 0), ("PATCH", "a", 1), ("PUT", "b", 2), ("PUT", "b", 3), ("PATCH", "b", 4)];
    let (first, second, written) = twice(&writes, &[(0, 503), (2, 503)], |upserts| upserts).await;
    assert_eq!(outcomes(&first), ["exhausted", "not_attempted", "exhausted", "updated", "updated"]);
    assert_eq!(outcomes(&second), ["updated", "updated", "superseded", "updated", "updated"]);
    assert_eq!(written, [3, 4, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn latest_wins_by_target_supersedes_only_the_whole_state_of_the_same_target() {
    let server = Memory::healthy();
    let writes = [
        ("PUT", "?id=a", 0),
        ("PUT", "?id=b", 1),
        ("PUT", "?id=c", 2),
        ("PATCH", "d", 3),
        ("PATCH", "d", 4),
        ("PATCH", "d", 5),
        ("PUT", "e", 6),
        ("PUT", "e", 7),
        ("PUT", "e", 8),
    ];
    // All keys are in flight at the same time.
    let records = records(upserts(&server).latest_wins().concurrency(6), input(&writes)).await;
    let superseded = records.iter().filter(|record| record.outcome.as_str() == "superseded");
    assert_eq!(superseded.map(|record| record.row).collect::<Vec<_>>(), [7]);
}

#[tokio::test(start_paused = true)]
async fn latest_wins_by_key_supersedes_every_request_of_the_key() {
    let writes = [("PATCH", "a", 0), ("POST", "b", 1), ("PATCH", "c", 2)];
    let by_name = |upserts: UpsertAll<Write>| upserts.key_by(|_| "all").latest_wins();
    let (first, _, written) = twice(&writes, &[], by_name).await;
    assert_eq!((outcomes(&first), written), (vec!["updated", "superseded", "updated"], vec![0, 2]));
    let (first, second, written) = twice(&writes, &[(0, 503)], by_name).await;
    assert_eq!(outcomes(&first), ["exhausted", "superseded", "updated"]);
    assert_eq!((outcomes(&second), written), (vec!["superseded", "superseded", "updated"], vec![2]));
}

#[tokio::test(start_paused = true)]
async fn a_journal_contains_no_values_of_a_query() {
    let place = tempfile::tempdir().unwrap();
    let writes = [("PUT", "a?token=s3cret", 0)];
    let upserts = upserts(&Memory::healthy()).key_by(|_| "all").journal(journal(place.path()).await);
    records(upserts, input(&writes)).await;
    let text = std::fs::read_to_string(place.path().join("journal")).unwrap();
    assert!(text.contains("\"state\":\"") && !text.contains("s3cret"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_panicked_is_superseded_by_the_whole_state_of_the_same_target() {
    let place = tempfile::tempdir().unwrap();
    let writes = [("PUT", "a", 0), ("PUT", "a", 1)];
    let broken = Memory::new(|_, value| {
        assert_ne!(value, 0, "the stack breaks");
        (200, Duration::from_secs(1))
    });
    let first = records(upserts(&broken).journal(journal(place.path()).await), input(&writes)).await;
    assert_eq!((outcomes(&first), written(&broken)), (vec!["ambiguous", "updated"], vec![1]));
    let well = Memory::healthy();
    let second = records(upserts(&well).journal(journal(place.path()).await), input(&writes)).await;
    assert_eq!((outcomes(&second), written(&well)), (vec!["superseded", "updated"], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_rejected_in_the_next_run_blocks_nothing() {
    for failed in [503, 504] {
        let place = tempfile::tempdir().unwrap();
        let status = Arc::new(AtomicU16::new(failed));
        let current = Arc::clone(&status);
        let server = Memory::new(move |_, value| {
            (if value == 0 { current.load(Ordering::SeqCst) } else { 200 }, Duration::from_secs(1))
        });
        let writes = [("PATCH", "a", 0), ("PATCH", "a", 1)];
        let run =
            async || records(upserts(&server).journal(journal(place.path()).await), input(&writes)).await;
        assert_eq!(outcomes(&run().await), ["exhausted", "not_attempted"]);
        status.store(409, Ordering::SeqCst);
        assert_eq!(outcomes(&run().await), ["conflict", "updated"], "{failed}");
        assert_eq!(outcomes(&run().await), ["conflict", "updated"], "{failed}");
        assert_eq!(server.seen().arrived.len(), 3);
        assert_eq!(written(&server), [1]);
    }
}
