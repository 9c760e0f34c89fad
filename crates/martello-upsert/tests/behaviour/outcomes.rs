use std::{convert::Infallible, io, time::Duration};

use futures_util::stream;
use http::{Request, Response};
use martello_body::Body;
use martello_outcome::{Attempt, Attempts, CallError, ErrorKind, Outcome};
use martello_upsert::{Record, UpsertAll, UpsertOutcome};
use tower::service_fn;

use crate::support::{Memory, outcomes, records, rows, upserts};

/// The record of one entity with this response.
async fn answered(response: Response<Body>) -> Record {
    let (head, body) = response.into_parts();
    let body = body.as_bytes().unwrap().clone();
    let service = service_fn(move |_: Request<Body>| {
        let response = Response::from_parts(head.clone(), Body::from(body.clone()));
        async move { Ok::<_, Infallible>(response) }
    });
    let to_request =
        |id: &&str| Request::put(format!("http://api/orders/{id}")).header("if-match", "W/\"24\"").body("{}");
    records(UpsertAll::new(service, to_request), stream::iter(["a"])).await.remove(0)
}

async fn failed(error: impl Fn() -> CallError + Send + Sync + Clone + 'static) -> Record {
    let service = service_fn(move |_: Request<Body>| {
        let error = error();
        async move { Err::<Response<Body>, _>(error) }
    });
    let to_request = |id: &&str| Request::put(format!("http://api/orders/{id}")).body("{}");
    records(UpsertAll::new(service, to_request), stream::iter(["a"])).await.remove(0)
}

fn with(status: u16) -> Response<Body> {
    Response::builder().status(status).body(Body::from("said the server")).unwrap()
}

#[test]
fn a_written_entity_is_no_failure_and_an_unsent_one_is_neither() {
    use UpsertOutcome::*;
    for (outcome, is_written, is_failure) in [
        (Created, true, false),
        (Updated, true, false),
        (Unchanged, true, false),
        (Conflict, false, true),
        (Rejected, false, true),
        (Exhausted, false, true),
        (Ambiguous, false, true),
        (Deferred, false, false),
        (Superseded, false, false),
        (NotAttempted, false, false),
    ] {
        assert_eq!((outcome.is_written(), outcome.is_failure()), (is_written, is_failure), "{outcome}");
    }
}

#[tokio::test]
async fn each_status_has_its_outcome() {
    for (status, outcome) in [
        (200, "updated"),
        (201, "created"),
        (202, "updated"),
        (204, "updated"),
        (301, "rejected"),
        (304, "unchanged"),
        (307, "rejected"),
        (400, "rejected"),
        (401, "exhausted"),
        (404, "rejected"),
        (409, "conflict"),
        (412, "conflict"),
        (422, "rejected"),
        (429, "exhausted"),
        (500, "exhausted"),
        (501, "rejected"),
        (502, "exhausted"),
        (503, "exhausted"),
        (504, "exhausted"),
    ] {
        let record = answered(with(status)).await;
        assert_eq!((record.outcome.as_str(), record.attempts), (outcome, 1), "{status}");
        assert_eq!(record.status.map(|status| status.as_u16()), Some(status));
        let body = (status >= 300).then_some("said the server");
        assert_eq!(record.body.as_deref(), body, "{status}");
    }
}

#[tokio::test]
async fn a_success_with_the_same_entity_tag_is_unchanged() {
    for (tag, outcome) in [("W/\"24\"", "unchanged"), ("\"24\"", "unchanged"), ("W/\"25\"", "updated")] {
        let response = Response::builder().status(204).header("etag", tag).body(Body::empty()).unwrap();
        let record = answered(response).await;
        assert_eq!(record.outcome.as_str(), outcome);
        assert_eq!(record.etag.unwrap(), tag);
    }
}

#[tokio::test]
async fn a_record_has_the_attempts_of_the_stack() {
    let mut attempts = vec![Attempt::new(1, std::time::SystemTime::now(), Outcome::Unavailable)];
    attempts[0].tracking_id = Some("t-1".parse().unwrap());
    attempts.push(Attempt::new(2, std::time::SystemTime::now(), Outcome::Success));
    attempts[1].tracking_id = Some("t-2".parse().unwrap());
    let mut response = with(201);
    response.extensions_mut().insert(Attempts::from(attempts));
    let record = answered(response).await;
    let line = "row 0, api/orders/a: created, 201, after 2 attempts (t-1, t-2)";
    assert_eq!((record.outcome, record.to_string().as_str()), (UpsertOutcome::Created, line));
}

#[tokio::test]
async fn the_outcome_of_an_error_shows_whether_the_entity_was_written() {
    let refused = || CallError::from_source(io::Error::from(io::ErrorKind::ConnectionRefused));
    let record = failed(refused).await;
    assert_eq!((record.outcome, record.attempts), (UpsertOutcome::Exhausted, 1));
    assert_eq!(record.reason.as_deref(), Some("the request could not be sent: connection refused"));

    let record = failed(|| CallError::from_source(io::Error::from(io::ErrorKind::ConnectionReset))).await;
    assert_eq!(record.outcome, UpsertOutcome::Ambiguous);

    let record = failed(|| CallError::new(ErrorKind::LimitFull, Outcome::Unsent, "the limit is full")).await;
    assert_eq!((record.outcome, record.attempts), (UpsertOutcome::Exhausted, 0));

    let refused = || CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme");
    let record = failed(refused).await;
    assert_eq!((record.outcome, record.attempts), (UpsertOutcome::Rejected, 1));
    assert_eq!(record.reason.as_deref(), Some("no such scheme"));

    // The server processed it, and its response was too large for the stack.
    let large = || {
        let mut attempt = Attempt::new(1, std::time::SystemTime::now(), Outcome::Success);
        attempt.status = Some(http::StatusCode::CREATED);
        let error = CallError::new(ErrorKind::Body, Outcome::Success, "the body is too large");
        error.with_attempts(Attempts::from(vec![attempt]))
    };
    assert_eq!(failed(large).await.outcome, UpsertOutcome::Created);
}

#[tokio::test(start_paused = true)]
async fn a_failure_does_not_affect_other_entities() {
    let server = Memory::new(|key, _| (if key == "b" { 422 } else { 200 }, Duration::from_secs(1)));
    let records = records(upserts(&server), rows([("a", 1), ("b", 2), ("c", 3), ("b", 4)])).await;
    assert_eq!(outcomes(&records), ["updated", "rejected", "updated", "rejected"]);
    assert_eq!(
        records[1].to_string(),
        "row 1, api.example/orders/b: rejected, 422, after 1 attempt: said the server"
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_request_is_rejected_with_the_reason() {
    let server = Memory::healthy();
    let to_request = |row: &Result<u32, &'static str>| match row {
        Ok(value) => Ok(Request::put(format!("http://api/orders/{value}")).body(value.to_string())?),
        Err(error) => Err(Box::<dyn std::error::Error + Send + Sync>::from(*error)),
    };
    let input = stream::iter([Ok(1), Err("line 2 is not JSON"), Ok(3)]);
    let records = records(UpsertAll::new(server.clone(), to_request), input).await;
    assert_eq!(outcomes(&records), ["updated", "rejected", "updated"]);
    assert_eq!(records[1].reason.as_deref(), Some("line 2 is not JSON"));
    assert_eq!((records[1].attempts, records[1].status), (0, None));
}

#[tokio::test(start_paused = true)]
async fn a_row_with_an_invalid_key_is_rejected() {
    let records = records(upserts(&Memory::healthy()).key_by(|row| row.0), rows([("", 1), ("b", 2)])).await;
    assert_eq!(outcomes(&records), ["rejected", "updated"]);
    assert_eq!(
        records[0].reason.as_deref(),
        Some("the order key must be 1 to 512 bytes without control characters")
    );
    assert_eq!(records[1].key.as_ref().map(ToString::to_string).as_deref(), Some("b"));
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_panics_leaves_one_entity_ambiguous() {
    let server = Memory::new(|key, _| match key {
        "b" => panic!("on purpose"),
        _ => (200, Duration::from_secs(1)),
    });
    let records = records(upserts(&server), rows([("a", 1), ("b", 2), ("b", 3), ("c", 4)])).await;
    assert_eq!(outcomes(&records), ["updated", "ambiguous", "ambiguous", "updated"]);
    assert_eq!(records[1].reason.as_deref(), Some("the stack panicked"));
}

#[tokio::test]
async fn a_record_masks_secrets_of_a_url_in_the_clients_error() {
    let quoting =
        || CallError::from_source(io::Error::other("GET http://me:s3cret@api/orders/a?key=s3cret: reset"));
    let record = failed(quoting).await;
    assert!(
        record.reason.as_ref().unwrap().ends_with("GET http://***@api/orders/a?key=***: reset"),
        "{record}"
    );
    let line = serde_json::to_string(&record).unwrap();
    assert!(!line.contains("s3cret") && !record.to_string().contains("s3cret"), "{line}");

    let no_request = |_: &&str| Err::<Request<String>, _>(io::Error::other("no /orders?key=s3cret"));
    let service = service_fn(|_: Request<Body>| async { Ok::<_, Infallible>(Response::new(Body::empty())) });
    let record = records(UpsertAll::new(service, no_request), stream::iter(["a"])).await.remove(0);
    assert_eq!(record.reason.as_deref(), Some("no /orders?key=***"));
}
