//! What stands behind the door of the outbox, and tells past it what was heard.

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
    Doubt, Heard, judge,
    read_back::{self, ReadBack},
    wire::Wire,
};
use crate::Record;

/// In a request's extensions: the record that is filled in with what was heard. The door hands on less than it tells.
#[derive(Clone)]
pub(super) struct Notes(Arc<Mutex<Record>>);

impl Notes {
    pub(super) fn new(record: &Record) -> Self {
        Self(Arc::new(Mutex::new(record.clone())))
    }

    pub(super) fn record(&self) -> Record {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn heard(&self, heard: &Heard, if_match: Option<&HeaderValue>) {
        judge::heard(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), heard, if_match);
    }
}

/// The stack, as the door calls it.
#[derive(Clone)]
pub(super) struct Inside {
    pub(super) wire: Wire,
    pub(super) read_back: Option<ReadBack>,
}

impl Service<Request<Body>> for Inside {
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
            let notes = request.extensions_mut().remove::<Notes>();
            let if_match = request.headers().get(header::IF_MATCH).cloned();
            let heard = read_back::send(&wire, read_back.as_ref(), request).await;
            if let Some(notes) = notes {
                notes.heard(&heard, if_match.as_ref());
            }
            told(heard).map_err(BoxError::from)
        })
    }
}

/// What the door acts on: where the entity was read back and found, that is over, whatever the answer was.
fn told(heard: Heard) -> Result<Response<Body>, CallError> {
    let over = |status| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Ok(response)
    };
    match heard.doubt {
        Some(Doubt::Written) => over(StatusCode::OK),
        Some(Doubt::Other | Doubt::Present) => over(StatusCode::PRECONDITION_FAILED),
        _ => heard.answer.map(|response| response.map(|_| Body::empty())),
    }
}
