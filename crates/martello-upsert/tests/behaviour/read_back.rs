//! A retried write whose first answer was lost.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response};
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, Reason, State};
use martello_outcome::{CallError, ErrorKind, Outcome};
use martello_retry::RetryLayer;
use martello_upsert::{Journal, Record, UpsertAll};
use tower::{Layer, service_fn};

use crate::support::{records, target};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It is written, and the connection breaks before the answer.
    LostAnswer,
    /// It is written, and a load balancer gives up before the answer.
    LateAnswer,
    /// It is not written, and the connection breaks.
    LostRequest,
    /// Somebody else writes, and the connection breaks before ours is.
    Overtaken,
    None,
}

/// One entity with a version, that somebody else holds at `them` before it is written.
#[derive(Debug)]
struct Entity {
    version: u32,
    body: Bytes,
    faults: Vec<Fault>,
    readable: bool,
    reads: u32,
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
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

/// Upserts of version 24 to the entity, through a stack that makes so many attempts.
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

/// How an upsert ends that meets these faults, and how often the entity was read.
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
async fn a_conflict_with_ones_own_lost_write_is_an_update() {
    for fault in [Fault::LostAnswer, Fault::LateAnswer] {
        let (record, reads) = upserted(&[fault], 4, compare).await;
        assert_eq!((record.outcome.as_str(), record.read_back, reads), ("updated", true, 1), "{fault:?}");
        assert_eq!((record.attempts, record.status.unwrap().as_u16(), record.body), (2, 412, None));
    }
}

#[tokio::test(start_paused = true)]
async fn without_reading_back_such_a_conflict_is_ambiguous() {
    let (record, _) = upserted(&[Fault::LostAnswer], 4, |upserts, _| upserts).await;
    assert_eq!((record.outcome.as_str(), record.read_back), ("ambiguous", false));
    assert!(record.reason.unwrap().contains("`read_back` would tell"));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_somebody_else_stays_one() {
    // Their write came first, and nothing of ours was lost: nobody has to be asked.
    let (record, reads) = upserted(&[], 4, |upserts, entity| {
        entity.version = 25;
        compare(upserts, entity)
    })
    .await;
    assert_eq!((record.outcome.as_str(), record.read_back, reads), ("conflict", false, 0));
    // Their write came between two attempts of ours.
    let (record, reads) = upserted(&[Fault::Overtaken], 4, compare).await;
    assert_eq!((record.outcome.as_str(), record.read_back, reads), ("conflict", true, 1));
    assert_eq!(record.reason.as_deref(), Some("read back, it is not what was sent"));
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_end_is_decided_by_what_is_there() {
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
async fn what_was_read_back_and_found_is_not_deferred() {
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
async fn a_run_that_goes_on_does_not_take_its_own_earlier_write_for_somebody_elses() {
    let place = tempfile::tempdir().unwrap();
    let journal = async || Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
    let entity = entity(&[Fault::LostAnswer]);
    // The first run says that it does not know, and the next meets its own write.
    let record = records(upserts(&entity, 1).journal(journal().await), stream::iter([24])).await.remove(0);
    assert_eq!(record.outcome.as_str(), "ambiguous");
    let last =
        upserts(&entity, 1).journal(journal().await).read_back(|sent, found| sent.body() == found.body());
    let record = records(last, stream::iter([24])).await.remove(0);
    assert_eq!((record.outcome.as_str(), record.status.unwrap().as_u16()), ("updated", 412));
}

#[tokio::test(start_paused = true)]
async fn what_was_in_flight_when_a_run_was_killed_is_read_back() {
    for (reads_back, outcome) in [(true, "updated"), (false, "conflict")] {
        let place = tempfile::tempdir().unwrap();
        let journal = async || Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let entity = entity(&[]);
        let run = upserts(&entity, 1).journal(journal().await).run(stream::iter([24]));
        assert!(tokio::time::timeout(Duration::from_millis(5), run).await.is_err());
        assert_eq!(entity.lock().unwrap().version, 25);
        // What was in flight lets go of the journal at the runtime's next turn.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut again = upserts(&entity, 1).journal(journal().await);
        if reads_back {
            again = again.read_back(|sent, found| sent.body() == found.body());
        }
        let record = records(again, stream::iter([24])).await.remove(0);
        assert_eq!((record.outcome.as_str(), record.read_back), (outcome, reads_back));
    }
}

/// An answer of the server to a write: a status, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Status(u16),
    Nothing,
}

/// How one write ends that is answered so, in turn, and how often its target was read, which has this status
/// and the body `found`.
async fn written(
    method: Method,
    says: &[Says],
    (status, found): (u16, &'static str),
    set: impl FnOnce(UpsertAll<()>) -> UpsertAll<()>,
) -> (Record, u32) {
    let state = Arc::new(Mutex::new((says.to_vec(), 0)));
    let server = Arc::clone(&state);
    let service = service_fn(move |request: Request<Body>| {
        let mut state = server.lock().unwrap();
        let says = match request.method() {
            &Method::GET => {
                state.1 += 1;
                Says::Status(status)
            }
            _ => state.0.remove(0),
        };
        std::future::ready(match says {
            Says::Status(status) => Ok(Response::builder().status(status).body(Body::from(found)).unwrap()),
            Says::Nothing => Err(reset()),
        })
    });
    let attempts = u32::try_from(says.len()).unwrap();
    let stack = RetryLayer::builder().attempts(attempts).assume_idempotent().build().unwrap().layer(service);
    let upserts = UpsertAll::new(stack, move |(): &()| {
        let body = if method == Method::DELETE { "" } else { "ours" };
        Request::builder().method(method.clone()).uri("http://api/orders/a").body(body)
    });
    let record = records(set(upserts), stream::iter([()])).await.remove(0);
    assert_eq!(state.lock().unwrap().0, [], "all was said");
    let reads = state.lock().unwrap().1;
    (record, reads)
}

/// Says of whatever is found that it is what was sent.
fn believing(upserts: UpsertAll<()>) -> UpsertAll<()> {
    upserts.read_back(|_, _| true)
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_after_a_lost_answer_has_done_what_was_wanted() {
    let outbox = Outbox::new(MemoryStore::new());
    for lost in [Says::Nothing, Says::Status(504)] {
        for gone in [404, 410] {
            let says = [lost, Says::Status(503), Says::Status(gone)];
            for set in [0, 1, 2] {
                let (record, reads) = written(Method::DELETE, &says, (200, ""), |upserts| match set {
                    0 => upserts,
                    1 => believing(upserts),
                    _ => upserts.defer_to(&outbox),
                })
                .await;
                let status = record.status.unwrap().as_u16();
                assert_eq!((record.outcome.as_str(), status, reads), ("updated", gone, 0), "{says:?}");
                assert_eq!((record.body, record.reason, record.read_back), (None, None, false));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_at_first_is_rejected() {
    for says in [&[Says::Status(404)][..], &[Says::Status(503), Says::Status(404)]] {
        let (record, reads) = written(Method::DELETE, says, (404, ""), believing).await;
        assert_eq!((record.outcome.as_str(), reads), ("rejected", 0), "{says:?}");
    }
    // That is nothing that a write has done.
    for method in [Method::PUT, Method::PATCH, Method::POST] {
        let says = [Says::Nothing, Says::Status(404)];
        let (record, reads) = written(method, &says, (404, ""), believing).await;
        assert_eq!((record.outcome.as_str(), reads), ("rejected", 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_is_read_back_for_whether_anything_is_there() {
    for (status, outcome, end) in [
        (404, "updated", Says::Nothing),
        (410, "updated", Says::Nothing),
        (404, "updated", Says::Status(504)),
        // Whatever the comparison says: it was asked for nothing to be there.
        (200, "ambiguous", Says::Nothing),
        (200, "exhausted", Says::Status(504)),
        (500, "ambiguous", Says::Nothing),
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
async fn a_run_that_goes_on_is_done_with_a_delete_that_an_earlier_one_has_sent() {
    for reads_back in [true, false] {
        let place = tempfile::tempdir().unwrap();
        let journal = async || Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let first = journal().await;
        let (record, _) =
            written(Method::DELETE, &[Says::Nothing], (404, ""), |upserts| upserts.journal(first)).await;
        assert_eq!(record.outcome.as_str(), "ambiguous");
        let second = journal().await;
        let (record, _) = written(Method::DELETE, &[Says::Status(404)], (404, ""), |upserts| {
            let upserts = upserts.journal(second);
            if reads_back { believing(upserts) } else { upserts }
        })
        .await;
        assert_eq!((record.outcome.as_str(), record.read_back), ("updated", false));
    }
}

fn comparing(upserts: UpsertAll<()>) -> UpsertAll<()> {
    upserts.read_back(|sent, found| sent.body() == found.body())
}

const METHODS: [Method; 4] = [Method::PUT, Method::POST, Method::PATCH, Method::DELETE];

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_answer_is_ambiguous_whatever_its_method() {
    for method in METHODS {
        for conflict in [409, 412] {
            for says in [
                &[Says::Nothing, Says::Status(conflict)][..],
                &[Says::Status(504), Says::Status(503), Says::Status(conflict)],
            ] {
                let (record, reads) = written(method.clone(), says, (200, ""), |upserts| upserts).await;
                assert_eq!((record.outcome.as_str(), reads), ("ambiguous", 0), "{method} {says:?}");
                assert!(record.reason.unwrap().contains("`read_back` would tell"));
                assert_eq!(record.status.unwrap().as_u16(), conflict);
            }
            for says in [&[Says::Status(conflict)][..], &[Says::Status(503), Says::Status(conflict)]] {
                let (record, reads) = written(method.clone(), says, (200, ""), believing).await;
                assert_eq!((record.outcome.as_str(), reads), ("conflict", 0), "{method} {says:?}");
            }
        }
        let (record, _) = written(method, &[Says::Nothing, Says::Status(422)], (200, ""), believing).await;
        assert_eq!(record.outcome.as_str(), "rejected");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_answer_is_read_back_without_a_condition_too() {
    let says = [Says::Nothing, Says::Status(409)];
    for (method, found, outcome) in [
        (Method::PUT, (200, "ours"), "updated"),
        (Method::PUT, (200, "theirs"), "conflict"),
        (Method::PUT, (404, ""), "conflict"),
        (Method::PUT, (500, ""), "ambiguous"),
        (Method::PATCH, (200, "ours"), "updated"),
        (Method::DELETE, (404, ""), "updated"),
        (Method::DELETE, (200, ""), "conflict"),
    ] {
        let (record, reads) = written(method.clone(), &says, found, comparing).await;
        assert_eq!((record.outcome.as_str(), reads), (outcome, 1), "{method} {found:?}");
        assert!(record.read_back);
        let reason = record.reason.as_deref();
        assert_eq!(
            reason == Some("read back, it is still there"),
            method == Method::DELETE && found.0 == 200
        );
    }
}

/// What is at the target of a POST is not what it makes.
#[tokio::test(start_paused = true)]
async fn of_a_post_only_that_it_is_there_is_believed() {
    for says in [&[Says::Nothing, Says::Status(409)][..], &[Says::Nothing]] {
        for (found, outcome) in
            [((200, "ours"), "updated"), ((200, "a list"), "ambiguous"), ((404, ""), "ambiguous")]
        {
            let (record, _) = written(Method::POST, says, found, comparing).await;
            assert_eq!((record.outcome.as_str(), record.read_back), (outcome, true), "{says:?} {found:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_lost_answer_lies_in_the_outbox_as_a_dead_letter() {
    let outbox = Outbox::new(MemoryStore::new());
    let says = [Says::Nothing, Says::Status(409)];
    let (record, _) = written(Method::POST, &says, (200, ""), |upserts| upserts.defer_to(&outbox)).await;
    assert_eq!(record.outcome.as_str(), "ambiguous");
    let entry = outbox.ticket(record.entry.unwrap()).status().await.unwrap();
    assert_eq!((entry.state, entry.reason), (State::Dead, Some(Reason::Ambiguous)));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_goes_on_takes_no_conflict_for_granted_with_what_an_earlier_one_has_sent() {
    let place = tempfile::tempdir().unwrap();
    for (says, reads_back, outcome) in
        [(Says::Nothing, false, "ambiguous"), (Says::Status(409), true, "updated")]
    {
        let journal = Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let (record, _) = written(Method::PUT, &[says], (200, "ours"), |upserts| {
            let upserts = upserts.journal(journal);
            if reads_back { comparing(upserts) } else { upserts }
        })
        .await;
        assert_eq!(record.outcome.as_str(), outcome);
    }
}

/// How a write ends in the last of several runs with one journal, of which each is answered so.
async fn at_last(
    method: &Method,
    runs: &[&[Says]],
    found: (u16, &'static str),
    set: fn(UpsertAll<()>) -> UpsertAll<()>,
) -> Record {
    let place = tempfile::tempdir().unwrap();
    let mut last = None;
    for says in runs {
        let journal = Journal::open(place.path().join("journal"), "a", target()).await.unwrap();
        let run = |upserts: UpsertAll<()>| set(upserts).journal(journal);
        last = Some(written(method.clone(), says, found, run).await.0);
    }
    last.unwrap()
}

const MAY_HAVE_WRITTEN: [&[&[Says]]; 4] = [
    &[&[Says::Nothing]],
    &[&[Says::Status(504)]],
    &[&[Says::Nothing, Says::Status(503)]],
    &[&[Says::Status(500)], &[Says::Status(503)]],
];

#[tokio::test(start_paused = true)]
async fn a_conflict_with_what_an_earlier_run_may_have_written_is_one_that_says_so() {
    for method in METHODS {
        for earlier in MAY_HAVE_WRITTEN {
            for conflict in [409, 412] {
                let last = [Says::Status(conflict)];
                let runs = [earlier, &[&last]].concat();
                let record = at_last(&method, &runs, (200, ""), |upserts| upserts).await;
                assert_eq!(record.outcome.as_str(), "conflict", "{method} {runs:?}");
                let reason = record.reason.unwrap_or_default();
                assert!(reason.contains("an earlier run may have written it"), "{method} {runs:?}: {reason}");
            }
        }
        // That holds for what another run has sent: of its own attempts, it does not know.
        let runs = [&[Says::Nothing][..], &[Says::Nothing, Says::Status(409)]];
        let record = at_last(&method, &runs, (200, ""), |upserts| upserts).await;
        assert_eq!(record.outcome.as_str(), "ambiguous");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_with_what_no_earlier_run_can_have_written_is_one() {
    for method in METHODS {
        for earlier in [&[Says::Status(503)][..], &[Says::Status(503), Says::Status(429)]] {
            let runs = [earlier, &[Says::Status(409)]];
            let record = at_last(&method, &runs, (200, ""), |upserts| upserts).await;
            assert_eq!((record.outcome.as_str(), record.reason), ("conflict", None), "{method} {runs:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_that_reading_back_never_tells_comes_to_an_end() {
    for found in [(200, "a list"), (404, ""), (405, "")] {
        let runs = [&[Says::Nothing][..], &[Says::Status(409)]];
        let record = at_last(&Method::POST, &runs, found, comparing).await;
        assert_eq!((record.outcome.as_str(), record.read_back), ("conflict", true), "{found:?}");
    }
    // Another time it may.
    let runs = [&[Says::Nothing][..], &[Says::Status(409)]];
    let record = at_last(&Method::POST, &runs, (500, ""), comparing).await;
    assert_eq!(record.outcome.as_str(), "ambiguous");
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_finds_nothing_after_an_earlier_run_has_done_what_was_wanted() {
    for gone in [404, 410] {
        for earlier in MAY_HAVE_WRITTEN {
            let last = [Says::Status(gone)];
            let runs = [earlier, &[&last]].concat();
            let record = at_last(&Method::DELETE, &runs, (200, ""), |upserts| upserts).await;
            assert_eq!((record.outcome.as_str(), record.reason), ("updated", None), "{runs:?}");
        }
        let runs = [&[Says::Status(503), Says::Status(503)][..], &[Says::Status(gone)]];
        let record = at_last(&Method::DELETE, &runs, (200, ""), |upserts| upserts).await;
        assert_eq!(record.outcome.as_str(), "rejected");
    }
}

/// A conflict with what could not be sent at all.
#[tokio::test(start_paused = true)]
async fn a_conflict_after_a_run_that_was_refused_is_one() {
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
        written(Method::PUT, &[Says::Status(409)], (200, ""), |upserts| upserts.journal(second)).await;
    assert_eq!((record.outcome.as_str(), record.reason), ("conflict", None));
}
