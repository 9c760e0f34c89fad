//! Reads an entity back to find out whether it was written, if the response does not say so.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use martello_outcome::{Attempts, CallError, Classifier, Outcome};

use super::{
    answer::{Answer, WriteStatus, is_conflict, same_tag},
    wire::{LARGEST_ENTITY, Wanted, Wire},
};

type Same = dyn Fn(&Request<Bytes>, &Response<Bytes>) -> bool + Send + Sync;

/// Compares the entity that was found with the one that was sent.
#[derive(Clone)]
pub(crate) struct ReadBack(Arc<Same>);

impl ReadBack {
    pub(crate) fn new(
        same: impl Fn(&Request<Bytes>, &Response<Bytes>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(same))
    }
}

/// In a request's extensions: whether an earlier run may have sent it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentBefore {
    /// An earlier run has sent it, and it may have been processed.
    Certainly,
    /// It may have been in flight when one was killed.
    Possibly,
}

const CONDITIONS: [HeaderName; 3] = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE];

pub(crate) fn is_conditional(headers: &HeaderMap) -> bool {
    CONDITIONS.iter().any(|name| headers.contains_key(name))
}

/// Sends a request, and reads the entity back if the response does not say whether it was written.
pub(crate) async fn send(wire: &Wire, read_back: Option<&ReadBack>, request: Request<Bytes>) -> Answer {
    let write = Write::of(&request);
    let sent = read_back.map(|_| request.clone());
    let response = wire.send(request, Wanted::Reason).await;
    let end = End::of(&response);
    if end.is_done_already(&write) {
        return Answer { response, write_status: Some(WriteStatus::AlreadyGone) };
    }
    if !end.is_in_doubt(&write) {
        return Answer { response, write_status: None };
    }
    let (rejected, of_this_call) = (end.last == Outcome::Rejected, end.earlier);
    let conflict = end.status.is_some_and(is_conflict);
    let write_status = match (read_back, sent) {
        (Some(read_back), Some(sent)) => match compare(wire, read_back, sent, conflict).await {
            WriteStatus::Inconclusive if !(rejected && conflict) || of_this_call => {
                Some(WriteStatus::ReadFailed)
            }
            status => Some(status),
        },
        _ if rejected && of_this_call => Some(WriteStatus::NotReadBack),
        // Of all rejections of a run that goes on, hardly one is for what was in flight.
        _ if rejected && write.before == Some(SentBefore::Certainly) => Some(WriteStatus::EarlierRun),
        _ => None,
    };
    Answer { response, write_status }
}

/// The write that was sent.
struct Write {
    method: Method,
    conditional: bool,
    before: Option<SentBefore>,
}

impl Write {
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
    fn of(response: &Result<Response<Bytes>, CallError>) -> Self {
        let (attempts, status) = match response {
            Ok(response) => (Attempts::of(response), Some(response.status())),
            Err(error) => {
                let attempts = error.attempts();
                let status = attempts.last().map_or(error.last_status(), |attempt| attempt.status);
                (Some(attempts), status)
            }
        };
        let last = match response {
            Ok(response) => attempts
                .and_then(Attempts::outcome)
                .unwrap_or_else(|| Classifier::default().status(response.status())),
            Err(error) => error.outcome(),
        };
        let earlier = attempts.is_some_and(Attempts::earlier_may_be_processed);
        Self { last, status, earlier }
    }

    /// Whether the last attempt was rejected because an earlier one had deleted the entity.
    fn is_done_already(&self, write: &Write) -> bool {
        (self.earlier || write.before == Some(SentBefore::Certainly))
            && self.last == Outcome::Rejected
            && self.last.after_uncertain_attempt(&write.method, self.status).is_success()
    }

    /// Whether the entity may have been written although the response does not say so.
    fn is_in_doubt(&self, write: &Write) -> bool {
        match self.last {
            Outcome::Success => false,
            Outcome::Rejected => {
                self.may_follow_from_earlier(write) && (write.before.is_some() || self.earlier)
            }
            Outcome::Ambiguous => true,
            // Without a condition, only a DELETE can be verified.
            _ => {
                let can_verify = write.conditional || write.method == Method::DELETE;
                can_verify && (self.earlier || self.last.may_be_processed(self.status))
            }
        }
    }

    /// Whether the rejection may be the result of an earlier attempt.
    fn may_follow_from_earlier(&self, write: &Write) -> bool {
        self.last.after_uncertain_attempt(&write.method, self.status) != self.last
    }
}

/// Reads the entity back, and compares it with what was sent.
async fn compare(wire: &Wire, read_back: &ReadBack, sent: Request<Bytes>, conflict: bool) -> WriteStatus {
    let (conditional, deletes) = (is_conditional(sent.headers()), sent.method() == Method::DELETE);
    // The target of a POST is not the entity that it creates. Only `same` can recognise the entity there.
    let elsewhere = sent.method() == Method::POST;
    let Ok(found) = wire.send(get(&sent), Wanted::Entity).await else { return WriteStatus::ReadFailed };
    match found.status() {
        status if status.is_success() && (deletes || found.body().len() < LARGEST_ENTITY) => {}
        StatusCode::NOT_FOUND | StatusCode::GONE if deletes => return WriteStatus::Written,
        StatusCode::NOT_FOUND | StatusCode::GONE if conflict && !elsewhere => return WriteStatus::Different,
        StatusCode::NOT_FOUND | StatusCode::GONE if !elsewhere => return WriteStatus::Unwritten,
        status => return unread(status),
    }
    if !deletes && (read_back.0)(&sent, &found) {
        return WriteStatus::Written;
    }
    let as_before = same_tag(sent.headers().get(header::IF_MATCH), found.headers().get(header::ETAG));
    let other = if deletes { WriteStatus::StillThere } else { WriteStatus::Different };
    match () {
        () if elsewhere => WriteStatus::Inconclusive,
        () if conflict => other,
        () if as_before => WriteStatus::Unwritten,
        () if conditional => other,
        // An unconditional request may still arrive.
        () => WriteStatus::ReadFailed,
    }
}

/// The status if the entity could not be read, or is too large: whether another attempt may show more.
fn unread(status: StatusCode) -> WriteStatus {
    match Classifier::default().status(status) {
        Outcome::Success | Outcome::Rejected => WriteStatus::Inconclusive,
        _ => WriteStatus::ReadFailed,
    }
}

/// A GET of the entity with the request's other headers, such as credentials.
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
