//! The stack behind an outbox layer, and the record that passes by that layer.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use martello_body::Body;
use martello_outcome::{BoxError, CallError};
use tower_service::Service;

use super::{
    answer::{Answer, WriteStatus},
    outcome,
    read_back::{self, ReadBack},
    wire::Wire,
};
use crate::Record;

/// In a request's extensions: the record to complete. The outbox layer returns less than a record needs.
#[derive(Clone)]
pub(super) struct SharedRecord(Arc<Mutex<Record>>);

impl SharedRecord {
    pub(super) fn new(record: &Record) -> Self {
        Self(Arc::new(Mutex::new(record.clone())))
    }

    pub(super) fn record(&self) -> Record {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn complete(&self, answer: &Answer, if_match: Option<&HeaderValue>) {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outcome::complete(&mut record, answer, if_match);
    }
}

/// The service that the outbox layer calls.
#[derive(Clone)]
pub(super) struct OutboxInner {
    wire: Wire,
    read_back: Option<ReadBack>,
}

impl OutboxInner {
    pub(super) fn new(wire: Wire, read_back: Option<ReadBack>) -> Self {
        Self { wire, read_back }
    }
}

impl Service<Request<Body>> for OutboxInner {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { wire, read_back } = self.clone();
        Box::pin(async move {
            let mut request = request.map(|body| body.as_bytes().cloned().unwrap_or_default());
            let record = request.extensions_mut().remove::<SharedRecord>();
            let if_match = request.headers().get(header::IF_MATCH).cloned();
            let answer = read_back::send(&wire, read_back.as_ref(), request).await;
            if let Some(record) = record {
                record.complete(&answer, if_match.as_ref());
            }
            response(answer).map_err(BoxError::from)
        })
    }
}

/// What the outbox layer acts on. If the entity was read back, what was found takes precedence over the
/// response.
fn response(answer: Answer) -> Result<Response<Body>, CallError> {
    let empty = |status| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Ok(response)
    };
    match answer.write_status {
        Some(WriteStatus::Written) => empty(StatusCode::OK),
        Some(WriteStatus::Different | WriteStatus::StillThere) => empty(StatusCode::PRECONDITION_FAILED),
        _ => answer.response.map(|response| response.map(|_| Body::empty())),
    }
}
