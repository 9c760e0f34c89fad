use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use martello_outcome::{Outcome, TrackingId};
use tokio::{sync::oneshot, time::Instant};

use super::{delivery_result::AttemptResult, leases::safe};
use crate::{AttemptRecord, Claimed, End, Entry, Hold, Lease, Settlement, State};

/// An entry that this worker has.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) lease: Lease,
    pub(super) entry: Entry,
    /// When it was claimed, by the store's clock.
    pub(super) claimed_at: Timestamp,
    /// When this worker heard of it.
    pub(super) received: Instant,
    /// Until when it is surely this worker's, by its own clock: counted from before the store was asked.
    pub(super) until: Instant,
    /// Where it goes.
    pub(super) authority: String,
    /// If it is to show whether the API is back: after how many holds in a row.
    pub(super) holds: u32,
    /// Ends the delivery, which goes on as long as this is here.
    pub(super) loss: Option<oneshot::Sender<()>>,
}

/// What is to be settled.
#[derive(Debug)]
pub(super) struct PendingSettlement {
    pub(super) in_flight: InFlight,
    pub(super) settlement: Settlement,
}

impl InFlight {
    /// The claim, of a turn that was asked for at `asked`.
    pub(super) fn new(claimed: &Claimed, asked: Instant, received: Instant, lease: Duration) -> Self {
        Self {
            lease: claimed.lease.clone(),
            entry: claimed.entry.clone(),
            claimed_at: claimed.until.checked_sub(lease).unwrap_or(claimed.until),
            received,
            until: asked + safe(lease),
            authority: claimed.request.authority(),
            holds: claimed.holds,
            loss: None,
        }
    }

    /// That moment by the store's clock, as far as this worker knows it.
    pub(super) fn at(&self, moment: Instant) -> Timestamp {
        let since = moment.saturating_duration_since(self.received);
        self.claimed_at.checked_add(micros(since)).unwrap_or(Timestamp::MAX)
    }

    /// How long it had been due when it was claimed.
    pub(super) fn pickup(&self) -> Duration {
        Duration::try_from(self.claimed_at.duration_since(self.entry.due_at)).unwrap_or_default()
    }

    /// To be given back.
    pub(super) fn back(self, hold: Hold) -> PendingSettlement {
        let settlement = Settlement { lease: self.lease.clone(), end: End::GiveBack, attempt: None, hold };
        PendingSettlement { in_flight: self, settlement }
    }

    /// To be settled after an attempt.
    pub(super) fn ended(self, result: AttemptResult, end: End, hold: Hold) -> PendingSettlement {
        let attempt = AttemptRecord {
            number: self.entry.attempts,
            revision: self.entry.revision,
            started: self.at(result.started),
            duration: micros(result.duration),
            outcome: result.outcome,
            status: result.status,
            tracking_id: result.tracking_id,
            fault: result.fault,
            worker: Some(self.lease.worker.as_str().into()),
        };
        let settlement = Settlement { lease: self.lease.clone(), end, attempt: Some(attempt), hold };
        PendingSettlement { in_flight: self, settlement }
    }
}

impl PendingSettlement {
    /// How the attempt ended, if one was made.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.settlement.attempt.as_ref().map(|attempt| attempt.outcome)
    }

    /// The entry as it is once it is settled as a dead letter.
    pub(super) fn buried(&self, now: Instant) -> Entry {
        let attempt = self.settlement.attempt.as_ref();
        let status: Option<StatusCode> = attempt.and_then(|attempt| attempt.status);
        let tracking_id: Option<TrackingId> = attempt.and_then(|attempt| attempt.tracking_id);
        let mut entry = self.in_flight.entry.clone();
        if let End::Dead(reason) = self.settlement.end {
            entry.state = State::Dead;
            entry.reason = Some(reason);
        }
        entry.changed_at = self.in_flight.at(now);
        entry.last_outcome = self.outcome();
        entry.last_status = status;
        entry.last_tracking_id = tracking_id;
        entry
    }
}

/// Whole microseconds, as both engines keep them.
fn micros(time: Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
