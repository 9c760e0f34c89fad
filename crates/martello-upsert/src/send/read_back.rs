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
    /// One has sent it, and it may have been processed.
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
    let asked = Asked::of(&request);
    let sent = read_back.map(|_| request.clone());
    let answer = wire.send(request, Wanted::Reason).await;
    let end = End::of(&answer);
    if end.is_done_before(&asked) {
        return Heard { answer, doubt: Some(Doubt::Gone) };
    }
    if !end.is_in_doubt(&asked) {
        return Heard { answer, doubt: None };
    }
    let (rejected, of_this_call) = (end.last == Outcome::Rejected, end.earlier);
    let conflict = end.status.is_some_and(is_conflict);
    let doubt = match (read_back, sent) {
        (Some(read_back), Some(sent)) => match look(wire, read_back, sent, conflict).await {
            Doubt::Untold if !(rejected && conflict) || of_this_call => Some(Doubt::Unread),
            doubt => Some(doubt),
        },
        _ if rejected && of_this_call => Some(Doubt::Unasked),
        // Of all rejections of a run that goes on, hardly one is for what was in flight.
        _ if rejected && asked.before == Some(SentBefore::Surely) => Some(Doubt::Earlier),
        _ => None,
    };
    Heard { answer, doubt }
}

/// What was asked for.
struct Asked {
    method: Method,
    conditional: bool,
    before: Option<SentBefore>,
}

impl Asked {
    fn of(request: &Request<Bytes>) -> Self {
        let (method, conditional) = (request.method().clone(), is_conditional(request.headers()));
        Self { method, conditional, before: request.extensions().get().copied() }
    }
}

/// How a call ended.
struct End {
    last: Outcome,
    status: Option<StatusCode>,
    /// Whether an attempt before the last may have been processed.
    earlier: bool,
}

impl End {
    fn of(answer: &Result<Response<Bytes>, CallError>) -> Self {
        let (attempts, status) = match answer {
            Ok(response) => (Attempts::of(response), Some(response.status())),
            Err(error) => {
                let attempts = error.attempts();
                let status = attempts.last().map_or(error.last_status(), |attempt| attempt.status);
                (Some(attempts), status)
            }
        };
        let last = match answer {
            Ok(response) => attempts
                .and_then(Attempts::outcome)
                .unwrap_or_else(|| Classifier::default().status(response.status())),
            Err(error) => error.outcome(),
        };
        let earlier = attempts
            .and_then(|attempts| attempts.split_last())
            .is_some_and(|(_, earlier)| earlier.iter().any(Attempt::may_be_processed));
        Self { last, status, earlier }
    }

    /// Whether the last attempt was rejected because what was wanted is so already.
    fn is_done_before(&self, asked: &Asked) -> bool {
        (self.earlier || asked.before == Some(SentBefore::Surely))
            && self.last == Outcome::Rejected
            && self.last.after_uncertain_attempt(&asked.method, self.status).is_success()
    }

    /// Whether the entity may have been written although the answer does not say so.
    fn is_in_doubt(&self, asked: &Asked) -> bool {
        match self.last {
            Outcome::Success => false,
            Outcome::Rejected => self.may_be_its_own_doing(asked) && (asked.before.is_some() || self.earlier),
            Outcome::Ambiguous => true,
            // Without a condition, only that nothing is there any more says how it ended.
            _ => {
                let tells = asked.conditional || asked.method == Method::DELETE;
                tells && (self.earlier || self.last.may_be_processed(self.status))
            }
        }
    }

    fn may_be_its_own_doing(&self, asked: &Asked) -> bool {
        self.last.after_uncertain_attempt(&asked.method, self.status) != self.last
    }
}

pub(crate) fn is_conflict(status: StatusCode) -> bool {
    matches!(status, StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED)
}

/// Reads the entity, and compares.
async fn look(wire: &Wire, read_back: &ReadBack, sent: Request<Bytes>, conflict: bool) -> Doubt {
    let (conditional, deletes) = (is_conditional(sent.headers()), sent.method() == Method::DELETE);
    // What is at the target of a POST is not what it makes: only the user can know it there.
    let elsewhere = sent.method() == Method::POST;
    let Ok(found) = wire.send(get(&sent), Wanted::Entity).await else { return Doubt::Unread };
    match found.status() {
        status if status.is_success() && (deletes || found.body().len() < LARGEST_ENTITY) => {}
        StatusCode::NOT_FOUND | StatusCode::GONE if deletes => return Doubt::Written,
        StatusCode::NOT_FOUND | StatusCode::GONE if conflict && !elsewhere => return Doubt::Other,
        StatusCode::NOT_FOUND | StatusCode::GONE if !elsewhere => return Doubt::Unwritten,
        status => return unread(status),
    }
    if !deletes && (read_back.0)(&sent, &found) {
        return Doubt::Written;
    }
    let as_before = same_tag(sent.headers().get(header::IF_MATCH), found.headers().get(header::ETAG));
    let other = if deletes { Doubt::Present } else { Doubt::Other };
    match () {
        () if elsewhere => Doubt::Untold,
        () if conflict => other,
        () if as_before => Doubt::Unwritten,
        () if conditional => other,
        // Without a condition it may still land.
        () => Doubt::Unread,
    }
}

/// Of an entity that was not found, or is too large: whether another time may tell.
fn unread(status: StatusCode) -> Doubt {
    match Classifier::default().status(status) {
        Outcome::Success | Outcome::Rejected => Doubt::Untold,
        _ => Doubt::Unread,
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
