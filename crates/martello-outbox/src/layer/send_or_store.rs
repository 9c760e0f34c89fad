use std::{future::poll_fn, time::Duration};

use http::{Request, Response};
use jiff::Timestamp;
use martello_body::TryCopy;
use martello_outcome::{BoxError, CallError, RequestHead};
use tower_service::Service;

use super::call_result::{Began, CallResult};
use crate::{
    AttemptRecord, NotStored, NotStoredKind, Outbox, Reason, Sent, Ticket, outbox::with_key, store::KeyState,
};

/// How long the stack may take to be ready: as long as a request waits for a permit.
const READY: Duration = Duration::from_secs(30);

/// Sends the request if no older one of its key is under way or stored, and stores it if it has to go again.
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
    let (request, body) = with_key(request);
    let key = outbox.order_key(RequestHead::from(&request));
    // Held until the call is answered or stored: before that, nobody knows whether a newer one has to wait behind it.
    let _guard = outbox.lock_key(key.as_ref()).await;
    let state = match &key {
        Some(key) => outbox.key_state(key).await?,
        None => KeyState::default(),
    };
    if state.pending {
        return store(&outbox, &request, Some(body), None, None).await.map(Sent::Deferred);
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
    // What it may have reserved must not wait for the store.
    drop(inner);
    // Before it is stored itself, perhaps as a dead letter.
    if let (true, Some(key), Some(overtaken)) = (state.dead, &key, result.overtakes()) {
        outbox.overtake(key, overtaken).await;
    }
    let repeatable = outbox.settings.repeatable.allows(RequestHead::from(&request));
    let dead = match (result.stored_as(repeatable), answer) {
        (None, Ok(response)) => return Ok(Sent::Answered(response)),
        (None, Err(error)) => {
            let message = "its error says that another attempt would meet the same";
            return Err(NotStored::new(NotStoredKind::Request, message).failed(error));
        }
        (Some(dead), Ok(_)) => (dead, None),
        (Some(dead), Err(error)) => (dead, Some(error)),
    };
    let (dead, error) = dead;
    let stored = store(&outbox, &request, copy, Some(&result), dead).await;
    match (stored, error) {
        (Ok(ticket), _) if dead.is_none() => Ok(Sent::Deferred(ticket)),
        (Ok(ticket), _) => Ok(Sent::DeadLettered(ticket)),
        (Err(not_stored), Some(error)) => Err(not_stored.failed(error)),
        (Err(not_stored), None) => Err(not_stored.answered(result.outcome, result.status, result.attempts)),
    }
}

/// Readies the stack. Until then the request has not been given away, and no deadline of the stack's runs.
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
    dead: Option<Reason>,
) -> Result<Ticket, NotStored>
where
    B: http_body::Body + TryCopy,
    B::Error: Into<BoxError>,
{
    let Some(body) = body else {
        let message = "its body cannot be had twice, or declares to be larger than the outbox's `max_body`";
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
    entry.dead = dead;
    // As it will be in the store, which is not asked once more: it may fail, and the death would be told to nobody.
    let dead_letter = dead.is_some().then(|| entry.stored(Timestamp::now()));
    let ticket = outbox.put(entry).await?;
    // Stored before, under the same `dedup_key`, it has not died now.
    if let Some(entry) = dead_letter.filter(|_| !ticket.is_duplicate()) {
        outbox.report_dead_letter(&entry);
    }
    Ok(ticket)
}
