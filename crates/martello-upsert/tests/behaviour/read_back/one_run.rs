//! Unconditional requests of all methods, in one run.

use http::Method;
use martello_outbox::{MemoryStore, Outbox, Reason, State};

use super::{METHODS, Reply, believing, comparing, written};

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_after_a_lost_response_is_updated() {
    let outbox = Outbox::new(MemoryStore::new());
    for lost in [Reply::Nothing, Reply::Status(504)] {
        for gone in [404, 410] {
            let replies = [lost, Reply::Status(503), Reply::Status(gone)];
            for set in [0, 1, 2] {
                let (record, reads) = written(Method::DELETE, &replies, (200, ""), |upserts| match set {
                    0 => upserts,
                    1 => believing(upserts),
                    _ => upserts.defer_to(&outbox),
                })
                .await;
                let status = record.status.unwrap().as_u16();
                assert_eq!((record.outcome.as_str(), status, reads), ("updated", gone, 0), "{replies:?}");
                assert_eq!((record.body, record.reason, record.read_back), (None, None, false));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_delete_that_finds_nothing_is_rejected() {
    for replies in [&[Reply::Status(404)][..], &[Reply::Status(503), Reply::Status(404)]] {
        let (record, reads) = written(Method::DELETE, replies, (404, ""), believing).await;
        assert_eq!((record.outcome.as_str(), reads), ("rejected", 0), "{replies:?}");
    }
    // A write cannot be the reason.
    for method in [Method::PUT, Method::PATCH, Method::POST] {
        let replies = [Reply::Nothing, Reply::Status(404)];
        let (record, reads) = written(method, &replies, (404, ""), believing).await;
        assert_eq!((record.outcome.as_str(), reads), ("rejected", 0));
    }
}

#[tokio::test(start_paused = true)]
async fn reading_back_a_delete_checks_whether_the_entity_exists() {
    for (status, outcome, end) in [
        (404, "updated", Reply::Nothing),
        (410, "updated", Reply::Nothing),
        (404, "updated", Reply::Status(504)),
        // The comparison is not used: the entity must not exist.
        (200, "ambiguous", Reply::Nothing),
        (200, "exhausted", Reply::Status(504)),
        (500, "ambiguous", Reply::Nothing),
    ] {
        let (record, reads) = written(Method::DELETE, &[end], (status, ""), believing).await;
        assert_eq!(
            (record.outcome.as_str(), record.read_back, reads),
            (outcome, true, 1),
            "{status} {end:?}"
        );
        assert_eq!(record.reason.is_none(), outcome != "ambiguous");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_response_is_ambiguous_for_every_method() {
    for method in METHODS {
        for conflict in [409, 412] {
            for replies in [
                &[Reply::Nothing, Reply::Status(conflict)][..],
                &[Reply::Status(504), Reply::Status(503), Reply::Status(conflict)],
            ] {
                let (record, reads) = written(method.clone(), replies, (200, ""), |upserts| upserts).await;
                assert_eq!((record.outcome.as_str(), reads), ("ambiguous", 0), "{method} {replies:?}");
                assert!(record.reason.unwrap().contains("set `read_back` to find out"));
                assert_eq!(record.status.unwrap().as_u16(), conflict);
            }
            for replies in [&[Reply::Status(conflict)][..], &[Reply::Status(503), Reply::Status(conflict)]] {
                let (record, reads) = written(method.clone(), replies, (200, ""), believing).await;
                assert_eq!((record.outcome.as_str(), reads), ("conflict", 0), "{method} {replies:?}");
            }
        }
        let (record, _) = written(method, &[Reply::Nothing, Reply::Status(422)], (200, ""), believing).await;
        assert_eq!(record.outcome.as_str(), "rejected");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_response_is_read_back_also_without_a_condition() {
    let replies = [Reply::Nothing, Reply::Status(409)];
    for (method, found, outcome) in [
        (Method::PUT, (200, "ours"), "updated"),
        (Method::PUT, (200, "theirs"), "conflict"),
        (Method::PUT, (404, ""), "conflict"),
        (Method::PUT, (500, ""), "ambiguous"),
        (Method::PATCH, (200, "ours"), "updated"),
        (Method::DELETE, (404, ""), "updated"),
        (Method::DELETE, (200, ""), "conflict"),
    ] {
        let (record, reads) = written(method.clone(), &replies, found, comparing).await;
        assert_eq!((record.outcome.as_str(), reads), (outcome, 1), "{method} {found:?}");
        assert!(record.read_back);
        let reason = record.reason.as_deref();
        assert_eq!(
            reason == Some("the entity was read back and still exists"),
            method == Method::DELETE && found.0 == 200
        );
    }
}

/// The target of a POST is not the entity that it creates.
#[tokio::test(start_paused = true)]
async fn reading_back_a_post_shows_only_that_the_entity_exists() {
    for replies in [&[Reply::Nothing, Reply::Status(409)][..], &[Reply::Nothing]] {
        for (found, outcome) in
            [((200, "ours"), "updated"), ((200, "a list"), "ambiguous"), ((404, ""), "ambiguous")]
        {
            let (record, _) = written(Method::POST, replies, found, comparing).await;
            assert_eq!((record.outcome.as_str(), record.read_back), (outcome, true), "{replies:?} {found:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_response_becomes_a_dead_letter_in_the_outbox() {
    let outbox = Outbox::new(MemoryStore::new());
    let replies = [Reply::Nothing, Reply::Status(409)];
    let (record, _) = written(Method::POST, &replies, (200, ""), |upserts| upserts.defer_to(&outbox)).await;
    assert_eq!(record.outcome.as_str(), "ambiguous");
    let entry = outbox.ticket(record.entry.unwrap()).status().await.unwrap();
    assert_eq!((entry.state, entry.reason), (State::Dead, Some(Reason::Ambiguous)));
}
