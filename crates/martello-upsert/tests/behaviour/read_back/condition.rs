//! Requests with `If-Match`: a retry after the own write gets 412.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response};
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox};
use martello_retry::RetryLayer;
use martello_upsert::{Journal, Record, UpsertAll};
use tower::{Layer, service_fn};

use super::reset;
use crate::support::{records, target};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is written, and the connection breaks before the response.
    LostAnswer,
    /// It is written, and a load balancer times out before the response.
    LateAnswer,
    /// It is not written, and the connection breaks.
    LostRequest,
    /// Another client writes, and the connection breaks before our write.
    Overtaken,
    None,
}

/// One entity with a version. Another client writes it at `them`.
#[derive(Debug)]
struct Entity {
    version: u32,
    body: Bytes,
    faults: Vec<Fault>,
    readable: bool,
    reads: u32,
}

impl Entity {
    fn answer(&mut self, request: &Request<Body>) -> io::Result<Response<Body>> {
        let tag = |version| format!("W/\"{version}\"");
        if request.method() == Method::GET {
            self.reads += 1;
            let kept =
                ["if-match", "content-type", "prefer"].map(|name| request.headers().contains_key(name));
            assert_eq!(
                (kept, &request.headers()["authorization"]),
                ([false; 3], &"Bearer t".parse().unwrap())
            );
            let status = if self.readable { 200 } else { 500 };
            let response = Response::builder().status(status).header("etag", tag(self.version));
            return Ok(response.body(Body::from(self.body.clone())).unwrap());
        }
        let fault = if self.faults.is_empty() { Fault::None } else { self.faults.remove(0) };
        match fault {
            Fault::LostRequest => return Err(reset()),
            Fault::Overtaken => {
                (self.version, self.body) = (self.version + 1, "theirs".into());
                return Err(reset());
            }
            _ => {}
        }
        let expected = request.headers().get("if-match");
        if expected.is_some_and(|expected| *expected != tag(self.version).as_str()) {
            return Ok(Response::builder().status(412).body(Body::from("not your version")).unwrap());
        }
        (self.version, self.body) = (self.version + 1, request.body().as_bytes().unwrap().clone());
        match fault {
            Fault::LostAnswer => Err(reset()),
            Fault::LateAnswer => Ok(Response::builder().status(504).body(Body::empty()).unwrap()),
            _ => Ok(Response::builder()
                .status(204)
                .header("etag", tag(self.version))
                .body(Body::empty())
                .unwrap()),
        }
    }
}

fn entity(faults: &[Fault]) -> Arc<Mutex<Entity>> {
    let entity =
        Entity { version: 24, body: "before".into(), faults: faults.to_vec(), readable: true, reads: 0 };
    Arc::new(Mutex::new(entity))
}

/// Upserts of the entity at version 24, through a stack that makes so many attempts.
fn upserts(entity: &Arc<Mutex<Entity>>, attempts: u32) -> UpsertAll<u32> {
    let server = Arc::clone(entity);
    let service = service_fn(move |request: Request<Body>| {
        let answer = server.lock().unwrap().answer(&request);
        async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer
        }
    });
    let stack = RetryLayer::builder().attempts(attempts).build().unwrap().layer(service);
    UpsertAll::new(stack, |version: &u32| {
        Request::put("http://api/orders/a")
            .header("if-match", format!("W/\"{version}\""))
            .header("authorization", "Bearer t")
            .header("content-type", "text/plain")
            .header("prefer", "return=minimal")
            .body("ours")
    })
}

/// The record of an upsert with these faults, and how often the entity was read.
async fn upserted(
    faults: &[Fault],
    attempts: u32,
    set: impl FnOnce(UpsertAll<u32>, &mut Entity) -> UpsertAll<u32>,
) -> (Record, u32) {
    let entity = entity(faults);
    let upserts = upserts(&entity, attempts);
    let upserts = set(upserts, &mut entity.lock().unwrap());
    let record = records(upserts, stream::iter([24])).await.remove(0);
    let reads = entity.lock().unwrap().reads;
    (record, reads)
}

fn compare(upserts: UpsertAll<u32>, _: &mut Entity) -> UpsertAll<u32> {
    upserts.read_back(|sent, found| sent.body() == found.body())
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_the_own_lost_write_is_an_update() {
    for fault in [Fault::LostAnswer, Fault::LateAnswer] {
        let (record, reads) = upserted(&[fault], 4, compare).await;
        assert_eq!((record.outcome.as_str(), record.read_back, reads), ("updated", true, 1), "{fault:?}");
        assert_eq!((record.attempts, record.status.unwrap().as_u16(), record.body), (2, 412, None));
    }
}

#[tokio::test(start_paused = true)]
async fn without_read_back_such_a_conflict_is_ambiguous() {
    let (record, _) = upserted(&[Fault::LostAnswer], 4, |upserts, _| upserts).await;
    assert_eq!((record.outcome.as_str(), record.read_back), ("ambiguous", false));
    assert!(record.reason.unwrap().contains("set `read_back` to find out"));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_another_client_is_a_conflict() {
    // Their write came first, and no response of ours was lost: nothing is read back.
    let (record, reads) = upserted(&[], 4, |upserts, entity| {
        entity.version = 25;
        compare(upserts, entity)
    })
    .await;
    assert_eq!((record.outcome.as_str(), record.read_back, reads), ("conflict", false, 0));
    // Their write came between two attempts of ours.
    let (record, reads) = upserted(&[Fault::Overtaken], 4, compare).await;
    assert_eq!((record.outcome.as_str(), record.read_back, reads), ("conflict", true, 1));
    assert_eq!(record.reason.as_deref(), Some("the entity was read back and differs from what was sent"));
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_outcome_is_resolved_by_reading_back() {
    for (fault, outcome) in
        [(Fault::LostAnswer, "updated"), (Fault::LostRequest, "exhausted"), (Fault::Overtaken, "conflict")]
    {
        let (record, reads) = upserted(&[fault], 1, compare).await;
        assert_eq!((record.outcome.as_str(), reads), (outcome, 1), "{fault:?}");
    }
    let (record, _) = upserted(&[Fault::LostAnswer], 1, |upserts, _| upserts).await;
    assert_eq!(record.outcome.as_str(), "ambiguous");
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_cannot_be_read_stays_ambiguous() {
    for attempts in [1, 4] {
        let (record, reads) = upserted(&[Fault::LostAnswer], attempts, |upserts, entity| {
            entity.readable = false;
            compare(upserts, entity)
        })
        .await;
        assert_eq!((record.outcome.as_str(), record.read_back), ("ambiguous", true));
        assert!(reads > 0 && record.reason.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn an_entity_that_was_read_back_as_written_is_not_deferred() {
    let outbox = Outbox::new(MemoryStore::new());
    let deferring = |upserts: UpsertAll<u32>, entity: &mut Entity| compare(upserts, entity).defer_to(&outbox);
    for (fault, outcome) in
        [(Fault::LostAnswer, "updated"), (Fault::Overtaken, "conflict"), (Fault::LostRequest, "deferred")]
    {
        let (record, _) = upserted(&[fault], 1, deferring).await;
        assert_eq!(record.outcome.as_str(), outcome, "{fault:?}");
        assert_eq!(record.entry.is_some(), outcome == "deferred");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_recognises_its_own_earlier_write() {
    let place = tempfile::tempdir().unwrap();
    let journal = async || Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
    let entity = entity(&[Fault::LostAnswer]);
    // The first run is ambiguous, and the next one conflicts with that write.
    let record = records(upserts(&entity, 1).journal(journal().await), stream::iter([24])).await.remove(0);
    assert_eq!(record.outcome.as_str(), "ambiguous");
    let last =
        upserts(&entity, 1).journal(journal().await).read_back(|sent, found| sent.body() == found.body());
    let record = records(last, stream::iter([24])).await.remove(0);
    assert_eq!((record.outcome.as_str(), record.status.unwrap().as_u16()), ("updated", 412));
}

#[tokio::test(start_paused = true)]
async fn an_entity_in_flight_when_a_run_was_killed_is_read_back() {
    for (reads_back, outcome) in [(true, "updated"), (false, "conflict")] {
        let place = tempfile::tempdir().unwrap();
        let journal = async || Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let entity = entity(&[]);
        let run = upserts(&entity, 1).journal(journal().await).run(stream::iter([24]));
        assert!(tokio::time::timeout(Duration::from_millis(5), run).await.is_err());
        assert_eq!(entity.lock().unwrap().version, 25);
        // The dropped tasks unlock the journal when the runtime polls them next.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut again = upserts(&entity, 1).journal(journal().await);
        if reads_back {
            again = again.read_back(|sent, found| sent.body() == found.body());
        }
        let record = records(again, stream::iter([24])).await.remove(0);
        assert_eq!((record.outcome.as_str(), record.read_back), (outcome, reads_back));
    }
}
