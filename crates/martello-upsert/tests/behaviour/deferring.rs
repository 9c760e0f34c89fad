use std::time::Duration;

use http::Request;
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, State};
use martello_outcome::{CallError, ErrorKind, Outcome};
use martello_upsert::{UpsertAll, UpsertOutcome};
use tower::service_fn;

use crate::support::{Memory, Row, outcomes, put, records, rows, upserts};

#[tokio::test(start_paused = true)]
async fn an_exhausted_entity_and_the_next_ones_of_its_key_are_deferred_and_arrive_in_order() {
    let broken = Memory::new(|key, _| (if key == "a" { 503 } else { 200 }, Duration::from_secs(1)));
    let outbox = Outbox::new(MemoryStore::new());
    let input = rows([("a", 1), ("b", 2), ("a", 3), ("c", 4)]);
    let records = records(upserts(&broken).defer_to(&outbox), input).await;
    assert_eq!(outcomes(&records), ["deferred", "updated", "deferred", "updated"]);
    assert_eq!((records[0].attempts, records[0].status.unwrap().as_u16()), (1, 503));
    // The second was not sent, because the first is in the outbox.
    assert_eq!((records[2].attempts, records[2].status), (0, None));
    assert_eq!(broken.seen().arrived.iter().filter(|(key, _)| key == "a").count(), 1);

    let well = Memory::healthy();
    let worker = outbox.worker(well.clone()).start();
    for record in [&records[0], &records[2]] {
        let entry = outbox.ticket(record.entry.unwrap()).ended().await.unwrap();
        assert_eq!(entry.state, State::Done);
    }
    worker.shutdown().await;
    assert_eq!(well.seen().written, [("a".to_owned(), 1), ("a".to_owned(), 3)]);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_not_deferred() {
    let server = Memory::new(|_, _| (422, Duration::from_secs(1)));
    let outbox = Outbox::new(MemoryStore::new());
    let report = upserts(&server).defer_to(&outbox).run(rows([("a", 1)])).await.unwrap();
    assert_eq!(report.counts().get(UpsertOutcome::Rejected), 1);
    assert_eq!(report.failures()[0].body.as_deref(), Some("said the server"));
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_entity_that_must_not_be_sent_twice_becomes_a_dead_letter() {
    let service = service_fn(|_: Request<Body>| async {
        Err::<http::Response<Body>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    let to_request = |row: &(&'static str, u32)| Request::post("http://api/orders").body(row.1.to_string());
    let outbox = Outbox::new(MemoryStore::new());
    let upserts = UpsertAll::new(service, to_request).defer_to(&outbox);
    let records = records(upserts, rows([("a", 1)])).await;
    assert_eq!(outcomes(&records), ["ambiguous"]);
    let entry = outbox.ticket(records[0].entry.unwrap()).status().await.unwrap();
    assert_eq!(entry.state, State::Dead);
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_the_client_refuses_is_rejected_and_not_stored() {
    let service = service_fn(|_: Request<Body>| async {
        let refused = CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme");
        Err::<http::Response<Body>, _>(refused)
    });
    let outbox = Outbox::new(MemoryStore::new());
    let records = records(UpsertAll::new(service, put).defer_to(&outbox), rows([("a", 1), ("b", 2)])).await;
    assert_eq!(outcomes(&records), ["rejected"; 2]);
    for record in records {
        assert_eq!((record.entry, record.attempts), (None, 1));
        assert_eq!(record.reason.as_deref(), Some("no such scheme"));
    }
}

/// An entry in the outbox with the same key may carry only a part.
#[tokio::test(start_paused = true)]
async fn latest_wins_by_target_supersedes_nothing_in_the_outbox() {
    let broken = Memory::new(|_, _| (503, Duration::from_secs(1)));
    let outbox = Outbox::new(MemoryStore::new());
    let patch =
        |row: &Row| Request::patch(format!("http://api.example/orders/{}", row.0)).body(row.1.to_string());
    let parts = records(UpsertAll::new(broken.clone(), patch).defer_to(&outbox), rows([("a", 0)])).await;
    assert_eq!(outcomes(&parts), ["deferred"]);
    let whole = upserts(&broken).latest_wins().defer_to(&outbox);
    let whole = records(whole, rows([("a", 1), ("a", 2), ("a", 3)])).await;
    assert_eq!(outcomes(&whole), ["deferred", "superseded", "deferred"]);

    let well = Memory::healthy();
    let worker = outbox.worker(well.clone()).start();
    for record in [&parts[0], &whole[0], &whole[2]] {
        let entry = outbox.ticket(record.entry.unwrap()).ended().await.unwrap();
        assert_eq!(entry.state, State::Done, "{record}");
    }
    worker.shutdown().await;
    assert_eq!(well.seen().written, [0, 1, 3].map(|value| ("a".to_owned(), value)));
}

#[tokio::test(start_paused = true)]
async fn latest_wins_by_key_supersedes_in_the_outbox_too() {
    let server = Memory::new(|_, _| (503, Duration::from_secs(1)));
    let outbox = Outbox::new(MemoryStore::new());
    let input = rows([("a", 1), ("b", 2), ("a", 3)]);
    let upserts = UpsertAll::new(server, put).key_by(|row: &Row| row.0);
    let records = records(upserts.concurrency(1).latest_wins().defer_to(&outbox), input).await;
    assert_eq!(outcomes(&records), ["deferred"; 3]);
    let state = async |row: usize| outbox.ticket(records[row].entry.unwrap()).status().await.unwrap().state;
    assert_eq!((state(0).await, state(2).await), (State::Cancelled, State::Ready));
}
