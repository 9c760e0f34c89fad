use std::{future::poll_fn, time::Duration};

use http::{Request, Response};
use jiff::Timestamp;
use martello_body::TryCopy;
use martello_outcome::{BoxError, CallError, RequestHead};
use tower_service::Service;

use super::call_result::{Began, CallResult, StoreAs};
use crate::{
    AttemptRecord, NotStored, NotStoredKind, Outbox, Sent, Ticket, outbox::with_idempotency_key,
    store::KeyState,
};

/// How long the stack may take to become ready. A request waits for a permit for as long.
const READY: Duration = Duration::from_secs(30);

/// Sends the request, unless an older one of its key is in flight or stored. Stores it if it must be sent
/// again.
pub(super) async fn send_or_store<S, B, R>(
    outbox: Outbox,
    mut inner: S,
    request: Request<B>,
) -> Result<Sent<R>, NotStored>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: http_body::Body + TryCopy,
    B::Error: Into<BoxError>,
{
    let (request, body) = with_idempotency_key(request);
    let key = outbox.order_key(RequestHead::from(&request));
    // Held until the call has a response or is stored. Before that it is unknown whether a newer call has to
    // wait.
    let _guard = outbox.lock_key(key.as_ref()).await;
    let state = match &key {
        Some(key) => outbox.key_state(key).await?,
        None => KeyState::default(),
    };
    if state.pending {
        return store(&outbox, &request, Some(body), None, StoreAs::Ready).await.map(Sent::Deferred);
    }

    let copy = body.try_last_copy(outbox.settings.max_body);
    let began = Began::now();
    let (answer, result) = match ready(&mut inner).await {
        Err(error) => {
            let result = CallResult::of_error(request.method(), &error, None);
            (Err(error), result)
        }
        Ok(()) => {
            let answer = inner.call(request.clone().map(|()| body)).await.map_err(CallError::from_source);
            let result = match &answer {
                Ok(response) => {
                    CallResult::of_response(&outbox.settings.classifier, request.method(), response, began)
                }
                Err(error) => CallResult::of_error(request.method(), error, Some(began)),
            };
            (answer, result)
        }
    };
    // Gives up the service's readiness before the store is called.
    drop(inner);
    // Before this request is stored, perhaps as a dead letter of the same key.
    if let (true, Some(key), Some(overtaken)) = (state.dead, &key, result.overtakes()) {
        outbox.overtake(key, overtaken).await;
    }
    let repeatable = outbox.settings.repeatable.allows(RequestHead::from(&request));
    let (store_as, error) = match (result.store_as(repeatable), answer) {
        (None, Ok(response)) => return Ok(Sent::Answered(response)),
        (None, Err(error)) => {
            let message = "the call failed, and another attempt would fail in the same way";
            return Err(NotStored::new(NotStoredKind::Request, message).failed(error));
        }
        (Some(store_as), Ok(_)) => (store_as, None),
        (Some(store_as), Err(error)) => (store_as, Some(error)),
    };
    let stored = store(&outbox, &request, copy, Some(&result), store_as).await;
    match (stored, error) {
        (Ok(ticket), _) => Ok(match store_as {
            StoreAs::Ready => Sent::Deferred(ticket),
            StoreAs::DeadLetter(_) => Sent::DeadLettered(ticket),
        }),
        (Err(not_stored), Some(error)) => Err(not_stored.failed(error)),
        (Err(not_stored), None) => Err(not_stored.answered(result.outcome, result.status, result.attempts)),
    }
}

/// Waits until the stack is ready. The request has not been sent until then, and no deadline of the stack
/// runs.
async fn ready<S, Q>(inner: &mut S) -> Result<(), CallError>
where
    S: Service<Q>,
    S::Error: Into<BoxError>,
{
    let ready = poll_fn(|cx| inner.poll_ready(cx));
    let ready = tokio::time::timeout(READY, ready).await.map_err(CallError::from_readiness)?;
    ready.map_err(CallError::from_readiness)
}

async fn store<B>(
    outbox: &Outbox,
    request: &Request<()>,
    body: Option<B>,
    result: Option<&CallResult>,
    store_as: StoreAs,
) -> Result<Ticket, NotStored>
where
    B: http_body::Body + TryCopy,
    B::Error: Into<BoxError>,
{
    let Some(body) = body else {
        let message = "its body cannot be replayed, or declares more bytes than the outbox's `max_body`";
        return Err(NotStored::new(NotStoredKind::Body, message));
    };
    // From here on a connection that still sends the body gets no more of it; what is wrong with the copy,
    // reading it says.
    body.switch_to_copy();
    let body = outbox.whole(body).await?;
    let mut entry = outbox.entry(RequestHead::from(request), body)?;
    if let Some(result) = result {
        entry.attempts = AttemptRecord::by_layer(&result.attempts);
        entry.delay = entry.delay.max(result.retry_after);
    }
    entry.dead = store_as.reason();
    // Built here and not read back: the store may fail, and the dead letter would not be reported.
    let dead_letter = entry.dead.is_some().then(|| entry.stored(Timestamp::now()));
    let ticket = outbox.put(entry).await?;
    // A duplicate was stored, and reported, before.
    if let Some(entry) = dead_letter.filter(|_| !ticket.is_duplicate()) {
        outbox.report_dead_letter(&entry);
    }
    Ok(ticket)
}
