//! Sends one entity, and completes its record.

mod answer;
mod outcome;
mod read_back;
mod via_outbox;
mod wire;

use bytes::Bytes;
use http::{Request, header};
use martello_body::Body;
use martello_outbox::{Outbox, OutboxLayer, OutboxService, Sent};
use martello_outcome::ErrorKind;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use self::via_outbox::{OutboxInner, SharedRecord};
pub(crate) use self::{
    outcome::error_text,
    read_back::{ReadBack, SentBefore},
    wire::Wire,
};
use crate::{Record, UpsertOutcome};

/// Sends entities through the stack, or through an outbox layer around it. A clone uses the same stack and
/// outbox.
#[derive(Clone)]
pub(crate) struct Sender {
    wire: Wire,
    read_back: Option<ReadBack>,
    via_outbox: Option<OutboxService<OutboxInner>>,
}

impl Sender {
    pub(crate) fn new(wire: Wire, read_back: Option<ReadBack>, outbox: Option<Outbox>) -> Self {
        let inner = OutboxInner::new(wire.clone(), read_back.clone());
        let via_outbox = outbox.map(|outbox| OutboxLayer::new(outbox).layer(inner));
        Self { wire, read_back, via_outbox }
    }

    /// Sends a request, and completes the record of its entity.
    pub(crate) async fn send(self, request: Request<Bytes>, mut record: Record) -> Record {
        let started = Instant::now();
        match self.via_outbox {
            None => {
                let if_match = request.headers().get(header::IF_MATCH).cloned();
                let answer = read_back::send(&self.wire, self.read_back.as_ref(), request).await;
                outcome::complete(&mut record, &answer, if_match.as_ref());
            }
            Some(mut via_outbox) => {
                let shared = SharedRecord::new(&record);
                let mut request = request.map(Body::from);
                request.extensions_mut().insert(shared.clone());
                // The outbox service is always ready.
                let sent = via_outbox.call(request).await;
                record = shared.record();
                add_outbox_result(&mut record, sent);
            }
        }
        record.latency = started.elapsed();
        record.in_doubt &= record.outcome.is_sent_again();
        record
    }
}

/// Adds what the outbox did with the request.
fn add_outbox_result(record: &mut Record, sent: Result<Sent<Body>, martello_outbox::NotStored>) {
    match sent {
        Ok(Sent::Answered(_)) => {}
        Ok(Sent::Deferred(ticket)) => {
            record.outcome = UpsertOutcome::Deferred;
            record.entry = Some(ticket.id());
        }
        Ok(Sent::DeadLettered(ticket)) => {
            record.outcome = UpsertOutcome::Ambiguous;
            record.entry = Some(ticket.id());
        }
        // The record has the client's error already.
        Err(error) if error.call().is_some_and(|call| call.kind() == ErrorKind::Unsendable) => {}
        // If an attempt was made, its outcome stays.
        Err(error) => {
            if record.attempts == 0 {
                record.outcome = UpsertOutcome::Exhausted;
            }
            record.reason = Some(error_text(&error));
        }
    }
}
