//! What becomes of a write whose answer cannot be believed: the entity is read, and compared.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use martello_outcome::{Attempt, Attempts, CallError, Classifier, Outcome};

use super::{
    Doubt, Heard,
    wire::{LARGEST_ENTITY, Wanted, Wire},
};

type Same = dyn Fn(&Request<Bytes>, &Response<Bytes>) -> bool + Send + Sync;

/// Tells whether the entity that was found is the one that was sent.
#[derive(Clone)]
pub(crate) struct ReadBack(pub(crate) Arc<Same>);

/// In a request's extensions: what earlier runs have to do with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentBefore {
    /// One has sent it.
    Surely,
    /// It may have been in flight when one was killed.
    Perhaps,
}

const CONDITIONS: [HeaderName; 3] = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE];

pub(crate) fn is_conditional(headers: &HeaderMap) -> bool {
    CONDITIONS.iter().any(|name| headers.contains_key(name))
}

/// Sends a request, and finds out what became of it where that is in doubt.
pub(crate) async fn send(wire: &Wire, read_back: Option<&ReadBack>, request: Request<Bytes>) -> Heard {
    let conditional = is_conditional(request.headers());
    let before = request.extensions().get::<SentBefore>().copied();
    let sent = read_back.map(|_| request.clone());
    let answer = wire.send(request, Wanted::Reason).await;
    if !is_in_doubt(&answer, conditional, before) {
        return Heard { answer, doubt: None };
    }
    let conflict = matches!(&answer, Ok(response) if is_conflict(response.status()));
    let doubt = match (read_back, sent) {
        (Some(read_back), Some(sent)) => Some(look(wire, read_back, sent, conflict).await),
        // Of all conflicts of a run that goes on, hardly one is with what was in flight.
        _ if conflict
            && (before != Some(SentBefore::Perhaps) || earlier_may_have_been_processed(&answer)) =>
        {
            Some(Doubt::Unasked)
        }
        _ => None,
    };
    Heard { answer, doubt }
}

/// Whether the entity may have been written although the answer does not say so.
fn is_in_doubt(
    answer: &Result<Response<Bytes>, CallError>,
    conditional: bool,
    before: Option<SentBefore>,
) -> bool {
    match answer {
        Ok(response) if is_conflict(response.status()) => {
            conditional && (before.is_some() || earlier_may_have_been_processed(answer))
        }
        Ok(response) if response.status().is_success() => false,
        Ok(response) => {
            let last = Classifier::default().status(response.status());
            conditional
                && last != Outcome::Rejected
                && (may_be_processed(last, Some(response.status()))
                    || earlier_may_have_been_processed(answer))
        }
        Err(error) => error.outcome() == Outcome::Ambiguous || (conditional && any(error.attempts())),
    }
}

pub(crate) fn is_conflict(status: StatusCode) -> bool {
    matches!(status, StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED)
}

fn earlier_may_have_been_processed(answer: &Result<Response<Bytes>, CallError>) -> bool {
    let attempts = match answer {
        Ok(response) => Attempts::of(response),
        Err(error) => Some(error.attempts()),
    };
    attempts.and_then(|attempts| attempts.split_last()).is_some_and(|(_, earlier)| any(earlier))
}

fn any(attempts: &[Attempt]) -> bool {
    attempts.iter().any(|attempt| may_be_processed(attempt.outcome, attempt.status))
}

/// A server that answers 503 says that it did not begin; what another 5xx says, or nobody, may have been done.
fn may_be_processed(outcome: Outcome, status: Option<StatusCode>) -> bool {
    let broke = |status: StatusCode| status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE;
    outcome == Outcome::Ambiguous || status.is_some_and(broke)
}

/// Reads the entity, and compares.
async fn look(wire: &Wire, read_back: &ReadBack, sent: Request<Bytes>, conflict: bool) -> Doubt {
    let conditional = is_conditional(sent.headers());
    let Ok(found) = wire.send(get(&sent), Wanted::Entity).await else { return Doubt::Unread };
    match found.status() {
        status if status.is_success() && found.body().len() < LARGEST_ENTITY => {}
        StatusCode::NOT_FOUND | StatusCode::GONE if conflict => return Doubt::Other,
        StatusCode::NOT_FOUND | StatusCode::GONE => return Doubt::Unwritten,
        _ => return Doubt::Unread,
    }
    if (read_back.0)(&sent, &found) {
        return Doubt::Written;
    }
    let as_before = same_tag(sent.headers().get(header::IF_MATCH), found.headers().get(header::ETAG));
    match () {
        () if conflict => Doubt::Other,
        () if as_before => Doubt::Unwritten,
        () if conditional => Doubt::Other,
        // Without a condition it may still land.
        () => Doubt::Unread,
    }
}

/// Whether these name the same state (RFC 9110 §8.8.3.2, weak comparison).
pub(crate) fn same_tag(one: Option<&HeaderValue>, other: Option<&HeaderValue>) -> bool {
    let opaque = |tag: &HeaderValue| tag.as_bytes().strip_prefix(b"W/").unwrap_or(tag.as_bytes()).to_vec();
    one.is_some_and(|one| other.is_some_and(|other| opaque(one) == opaque(other)))
}

/// A GET of the entity, with what else the request bore: credentials, above all.
fn get(sent: &Request<Bytes>) -> Request<Bytes> {
    let mut request = sent.clone().map(|_| Bytes::new());
    *request.method_mut() = Method::GET;
    let headers = request.headers_mut();
    let only_of_writes = ["content-", "if-", "prefer", "idempotency-key", "transfer-encoding", "expect"];
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in
        names.iter().filter(|name| only_of_writes.iter().any(|start| name.as_str().starts_with(start)))
    {
        headers.remove(name);
    }
    request
}
