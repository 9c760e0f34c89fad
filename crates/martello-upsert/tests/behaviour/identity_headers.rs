//! The headers that distinguish resources at the same URL.

use std::{path::Path, sync::atomic::Ordering};

use futures_util::{Stream, stream};
use http::Request;
use martello_upsert::{Journal, UpsertAll};

use crate::support::{Memory, ill, outcomes, records, target, written};

type Headers = &'static [(&'static str, &'static str)];
/// A method, headers, and a body.
type Write = (&'static str, Headers, u32);

fn to_request(write: &Write) -> Result<Request<String>, http::Error> {
    let request = Request::builder().method(write.0).uri("http://api.example/orders/a");
    let request = write.1.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(write.2.to_string())
}

fn input(writes: &[Write]) -> impl Stream<Item = Write> + Send + 'static {
    stream::iter(writes.to_vec())
}

fn upserts(server: &Memory) -> UpsertAll<Write> {
    UpsertAll::new(server.clone(), to_request).concurrency(1)
}

/// The outcomes of the next run with a journal after the first of these has failed, and everything that was
/// written.
async fn again(writes: &[Write]) -> (Vec<&'static str>, Vec<u32>) {
    async fn journal(place: &Path) -> Journal {
        Journal::open(place.join("journal"), "orders", target()).await.unwrap()
    }
    let place = tempfile::tempdir().unwrap();
    let (server, well) = ill(&[(0, 503)]);
    records(upserts(&server).journal(journal(place.path()).await), input(writes)).await;
    well.store(true, Ordering::SeqCst);
    let second = records(upserts(&server).journal(journal(place.path()).await), input(writes)).await;
    (outcomes(&second), written(&server))
}

/// The outcomes with `latest_wins`: the first of these is in flight, the others wait.
async fn latest_wins(writes: &[Write]) -> Vec<&'static str> {
    let server = Memory::healthy();
    // There is capacity for another request, so that the others wait only for their key.
    let upserts = upserts(&server).concurrency(2).latest_wins();
    outcomes(&records(upserts, input(writes)).await)
}

const OF_A: Headers = &[("x-tenant", "A")];
const OF_B: Headers = &[("x-tenant", "B")];

#[tokio::test(start_paused = true)]
async fn a_failed_entity_is_not_superseded_by_one_of_another_tenant() {
    for other in
        [OF_B, &[], &[("x-tenant", "A"), ("x-tenant", "B")], &[("x-tenant", "A"), ("host", "b.example")]]
    {
        let (second, written) = again(&[("PUT", OF_A, 0), ("PUT", other, 1)]).await;
        assert_eq!((second, written), (vec!["updated"; 2], vec![0, 1]), "{other:?}");
    }
    let (second, written) = again(&[("PUT", OF_A, 0), ("PUT", OF_B, 1), ("DELETE", OF_A, 2)]).await;
    assert_eq!((second, written), (vec!["updated"; 3], vec![0, 1, 2]));
}

#[tokio::test(start_paused = true)]
async fn an_entity_supersedes_only_one_of_the_same_tenant() {
    let writes = [("PUT", OF_A, 0), ("PUT", OF_A, 1), ("PUT", OF_B, 2), ("PUT", OF_B, 3), ("PUT", OF_A, 4)];
    assert_eq!(latest_wins(&writes).await, ["updated", "updated", "superseded", "updated", "updated"]);
}

/// Otherwise the older one would be sent after the newer one and undo it.
#[tokio::test(start_paused = true)]
async fn headers_that_do_not_identify_the_resource_do_not_prevent_superseding() {
    const BEFORE: Headers = &[
        ("x-tenant", "A"),
        ("authorization", "Bearer one"),
        ("x-api-key", "one"),
        ("if-match", "\"1\""),
        ("if-none-match", "*"),
        ("if-unmodified-since", "Tue, 01 Dec 2026 09:00:00 GMT"),
        ("if-modified-since", "Tue, 01 Dec 2026 09:00:00 GMT"),
        ("if-range", "\"1\""),
        ("idempotency-key", "one"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("tracestate", "one=1"),
        ("x-b3-traceid", "1"),
        ("x-request-id", "one"),
        ("date", "Tue, 01 Dec 2026 09:00:00 GMT"),
        ("content-length", "1"),
        ("content-type", "application/json"),
        ("content-digest", "sha-256=:one:"),
        ("accept", "application/json"),
        ("host", "API.example:80"),
    ];
    const AFTER: Headers = &[("if-match", "\"2\""), ("x-tenant", "A"), ("idempotency-key", "two")];
    for after in [("PUT", AFTER, 1), ("DELETE", OF_A, 1)] {
        let (second, written) = again(&[("PUT", BEFORE, 0), after]).await;
        assert_eq!((second, written), (vec!["superseded", "updated"], vec![1]), "{after:?}");
    }
    let writes = [("PUT", OF_A, 0), ("PUT", BEFORE, 1), ("PUT", AFTER, 2)];
    assert_eq!(latest_wins(&writes).await, ["updated", "superseded", "updated"]);
}

/// RFC 9110 §14.5.
#[tokio::test(start_paused = true)]
async fn a_put_of_a_range_carries_a_part() {
    const RANGE: Headers = &[("content-range", "bytes 0-0/2")];
    let (second, written) = again(&[("PUT", RANGE, 0), ("PUT", RANGE, 1), ("PUT", &[], 2)]).await;
    assert_eq!((second, written), (vec!["updated"; 3], vec![0, 1, 2]));
    let writes = [("PUT", RANGE, 0), ("PUT", RANGE, 1), ("PUT", RANGE, 2), ("PUT", &[], 3)];
    assert_eq!(latest_wins(&writes).await, ["updated"; 4]);
}

/// The two may have the same resource. If the newer one were sent, the older one would undo it
/// in the next run.
#[tokio::test(start_paused = true)]
async fn a_failed_entity_is_never_sent_after_a_newer_one_that_may_have_the_same_target() {
    const FIRST: Headers = &[("x-sequence", "1")];
    const SECOND: Headers = &[("x-sequence", "2")];
    let (second, written) = again(&[("PUT", FIRST, 0), ("PUT", SECOND, 1)]).await;
    assert_eq!((second, written), (vec!["updated"; 2], vec![0, 1]));
}
