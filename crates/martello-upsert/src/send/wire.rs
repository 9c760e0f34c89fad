//! The user's stack, with its types erased.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use martello_body::{Drain, IdleTimeout};
use martello_outcome::{BoxError, CallError};
use tower_service::Service;

use crate::Record;

/// The idle timeout of a body, for stacks that have none.
const IDLE: Duration = Duration::from_secs(30);
/// How much of a body's rest is read so that its connection can be used again.
const DRAIN: (u64, Duration) = (1024 * 1024, Duration::from_secs(1));
/// The largest entity that is read back, in bytes.
pub(super) const LARGEST_ENTITY: usize = 1024 * 1024;

type Sending = Pin<Box<dyn Future<Output = Result<Response<Bytes>, CallError>> + Send>>;

/// Sends requests through clones of the user's stack. A clone of this uses the same stack.
#[derive(Clone)]
pub(crate) struct Wire(Arc<dyn Fn(Request<Bytes>, Wanted) -> Sending + Send + Sync>);

/// How much of a response's body is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing of a success, and the start of an error.
    Reason,
    /// The first 1 MiB of a success, and the start of an error.
    Entity,
}

impl Wire {
    pub(crate) fn new<S, B, R>(service: S) -> Self
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: From<Bytes> + Send + 'static,
        R: http_body::Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError> + Send,
    {
        let service = Mutex::new(service);
        Self(Arc::new(move |request, wanted| {
            let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Box::pin(send(service, request, wanted))
        }))
    }

    /// Sends a request and returns the response with the wanted part of its body. The rest is read, within
    /// bounds, so that the connection can be used again.
    pub(crate) fn send(&self, request: Request<Bytes>, wanted: Wanted) -> Sending {
        (self.0)(request, wanted)
    }
}

async fn send<S, B, R>(
    mut service: S,
    request: Request<Bytes>,
    wanted: Wanted,
) -> Result<Response<Bytes>, CallError>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: From<Bytes>,
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(CallError::from_readiness)?;
    let request = request.map(B::from);
    let (head, body) = service.call(request).await.map_err(CallError::from_source)?.into_parts();
    let most = most(wanted, head.status);
    let body = start_of(body, most).await;
    Ok(Response::from_parts(head, body))
}

fn most(wanted: Wanted, status: StatusCode) -> usize {
    match (status.is_success(), wanted) {
        (true, Wanted::Reason) => 0,
        (true, Wanted::Entity) => LARGEST_ENTITY,
        (false, _) => Record::MAX_BODY,
    }
}

/// The first bytes of a body. An error of the body is ignored, because the head decides the outcome. A stack
/// that collects bodies turns such an error into a failed attempt.
async fn start_of<R>(body: R, most: usize) -> Bytes
where
    R: http_body::Body,
    R::Error: Into<BoxError>,
{
    let mut body = pin!(IdleTimeout::new(body, Some(IDLE)));
    let mut kept = BytesMut::new();
    while kept.len() < most {
        // Yields to other tasks if the body is always ready.
        tokio::task::coop::consume_budget().await;
        let Some(Ok(frame)) = body.frame().await else { return kept.freeze() };
        if let Ok(data) = frame.into_data() {
            kept.put(bytes::Buf::take(data, most - kept.len()));
        }
    }
    Drain::new(body, DRAIN.0, DRAIN.1).await;
    kept.freeze()
}
