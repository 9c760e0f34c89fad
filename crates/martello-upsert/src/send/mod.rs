//! How one entity is sent, and what its record says of it.

mod door;
mod judge;
mod read_back;
mod wire;

use bytes::Bytes;
use http::{Request, Response, header};
use martello_body::Body;
use martello_outbox::{Outbox, OutboxLayer, OutboxService, Sent};
use martello_outcome::{CallError, ErrorKind};
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use self::door::{Inside, Notes};
pub(crate) use self::{
    judge::line,
    read_back::{ReadBack, SentBefore},
    wire::Wire,
};
use crate::{Record, UpsertOutcome};

/// How a call ended, and what reading back has said of it.
pub(crate) struct Heard {
    answer: Result<Response<Bytes>, CallError>,
    doubt: Option<Doubt>,
}

/// What became of a write whose answer cannot be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// A rejection that may be its own doing, and nobody was asked.
    Unasked,
    /// As that, but of an earlier run. It ends here: another run would be told the same.
    Earlier,
    /// As that, and what is there does not tell, however often it is read.
    Untold,
    /// It was to be deleted, an earlier attempt may have done so, and the last found nothing.
    Gone,
    /// It could not be read back, or says nothing.
    Unread,
    /// The server has what was sent, or nothing where it was to be deleted.
    Written,
    /// The server has what it had before.
    Unwritten,
    /// The server has something else.
    Other,
    /// The server has it, and it was to be deleted.
    Present,
}

/// Sends entities: straight through the stack, or through the door of an outbox. A clone sends through the same.
#[derive(Clone)]
pub(crate) struct Sender {
    wire: Wire,
    read_back: Option<ReadBack>,
    door: Option<OutboxService<Inside>>,
}

impl Sender {
    pub(crate) fn new(wire: Wire, read_back: Option<ReadBack>, outbox: Option<Outbox>) -> Self {
        let inside = Inside { wire: wire.clone(), read_back: read_back.clone() };
        let door = outbox.map(|outbox| OutboxLayer::new(outbox).layer(inside));
        Self { wire, read_back, door }
    }

    /// Sends a request, and completes the record of its entity.
    pub(crate) async fn send(self, request: Request<Bytes>, mut record: Record) -> Record {
        let began = Instant::now();
        match self.door {
            None => {
                let if_match = request.headers().get(header::IF_MATCH).cloned();
                let heard = read_back::send(&self.wire, self.read_back.as_ref(), request).await;
                judge::heard(&mut record, &heard, if_match.as_ref());
            }
            Some(mut door) => {
                let notes = Notes::new(&record);
                let mut request = request.map(Body::from);
                request.extensions_mut().insert(notes.clone());
                // The door is always ready.
                let sent = door.call(request).await;
                record = notes.record();
                stored(&mut record, sent);
            }
        }
        record.latency = began.elapsed();
        record.in_doubt &= record.outcome.is_sent_again();
        record
    }
}

/// What the door did with it, beyond what the server said.
fn stored(record: &mut Record, sent: Result<Sent<Body>, martello_outbox::NotStored>) {
    match sent {
        Ok(Sent::Delivered(_)) => {}
        Ok(Sent::Deferred(ticket)) => {
            record.outcome = UpsertOutcome::Deferred;
            record.entry = Some(ticket.id());
        }
        Ok(Sent::Parked(ticket)) => {
            record.outcome = UpsertOutcome::Ambiguous;
            record.entry = Some(ticket.id());
        }
        // What the client refuses, the door has no reason of its own for; the record has the client's.
        Err(error) if error.call().is_some_and(|call| call.kind() == ErrorKind::Unsendable) => {}
        // What the server said stands, if it was asked.
        Err(error) => {
            if record.attempts == 0 {
                record.outcome = UpsertOutcome::Exhausted;
            }
            record.reason = line(&error);
        }
    }
}
