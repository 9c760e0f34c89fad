//! What a worker asks of the store, and what it makes of the answer.

use std::time::Duration;

use martello_outcome::Outcome;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tracing::Instrument;

use super::{
    delivery::{Delivery, Stop, while_leased},
    delivery_result::DeliveryResult,
    in_flight::{InFlight, PendingSettlement},
    run_loop::RunLoop,
    settlements::say_hold,
};
use crate::{Claimed, End, Hold, Settled, StoreError, StoreErrorKind, Turn, Turned};

/// The least wait after a turn in which nothing was done, whatever the store says.
const NOTHING_DONE: Duration = Duration::from_millis(5);

/// The turn under way.
pub(super) struct Asked {
    at: Instant,
    settles: usize,
    claims: usize,
    /// Whether there was news since, which the store may not have seen in this turn.
    overtaken: bool,
}

impl Asked {
    pub(super) fn nothing(at: Instant) -> Self {
        Self { at, settles: 0, claims: 0, overtaken: false }
    }
}

impl RunLoop {
    /// When the store is to be asked next, if at all before something happens.
    pub(super) fn turn_at(&self, now: Instant) -> Option<Instant> {
        let at = match (self.pending.is_empty(), self.room(now)) {
            (false, _) => now,
            (true, 0) => return None,
            (true, _) => self.look_at,
        };
        Some(self.turns.resting(now).map_or(at, |until| until.max(at)))
    }

    /// The store says that there may be something new.
    pub(super) fn heard_of_news(&mut self) {
        self.look_at = Instant::now();
        self.asked.overtaken = true;
    }

    fn room(&self, now: Instant) -> usize {
        if self.is_draining() { 0 } else { self.pace.room(self.deliveries.len(), now) }
    }

    pub(super) fn ask(&mut self) -> Turn {
        let at = Instant::now();
        let settle: Vec<_> = self.pending.iter().map(|settlement| settlement.settlement.clone()).collect();
        let claim = self.room(at);
        self.asked = Asked { at, settles: settle.len(), claims: claim, overtaken: false };
        Turn {
            queue: self.outbox.queue().clone(),
            worker: self.worker.clone(),
            settle,
            claim,
            cap: self.outbox.settings.concurrency,
            lease: self.options.lease,
        }
    }

    pub(super) fn turned<D>(
        &mut self,
        turned: Result<Turned, StoreError>,
        send: impl Fn(Delivery, watch::Receiver<Stop>) -> D,
    ) where
        D: Future<Output = DeliveryResult> + Send + 'static,
    {
        let now = Instant::now();
        let turned = match turned {
            Ok(turned) => turned,
            Err(error) => return self.turn_failed(&error, now),
        };
        self.turns.passed();
        self.monitor.turned(now);
        self.tell_failures(now);
        self.monitor.update(|health| health.store_failing = false);
        let idle = turned.settled.is_empty()
            && turned.claimed.is_empty()
            && turned.died.is_empty()
            && turned.lost == 0;
        let full = self.asked.claims > 0 && turned.claimed.len() >= self.asked.claims;
        let next = if full || self.asked.overtaken {
            Duration::ZERO
        } else {
            turned.next.unwrap_or(self.options.poll_every)
        };
        let least = if idle { NOTHING_DONE } else { Duration::ZERO };
        self.look_at = now + next.clamp(least, self.options.poll_every);

        #[cfg(feature = "metrics")]
        crate::metrics::lost_leases(self.outbox.queue(), turned.lost);
        let pending: Vec<PendingSettlement> = self.pending.drain(..self.asked.settles).collect();
        for (settlement, settled) in pending.iter().zip(turned.settled) {
            self.settled(settlement, settled, now);
        }
        for entry in &turned.died {
            if let Some(reason) = entry.reason {
                self.monitor.update(|health| health.count_dead_letter(reason));
            }
            self.outbox.died(entry);
        }
        for claimed in turned.claimed {
            self.claimed(claimed, now, &send);
        }
    }

    fn turn_failed(&mut self, error: &StoreError, now: Instant) {
        self.turns.failed(error, now, self.random.f64());
        self.monitor.update(|health| {
            health.store_failing = true;
            health.store_failures += 1;
        });
        let (kind, before) = (error.kind(), self.pending.len());
        if matches!(
            kind,
            StoreErrorKind::NotFound
                | StoreErrorKind::Conflict
                | StoreErrorKind::Invalid
                | StoreErrorKind::Internal
        ) {
            // Perhaps one of the settlements is what it stumbles over, and the others must not wait for it for ever.
            self.pending.retain(|settlement| settlement.in_flight.until > now);
        }
        let dropped = before - self.pending.len();
        if dropped > 0 {
            tracing::error!(
                dropped,
                "the outbox's store would not settle what a worker had, and leases have run out"
            );
        }
    }

    fn settled(&mut self, settlement: &PendingSettlement, settled: Settled, now: Instant) {
        if settled == Settled::Fenced {
            tracing::warn!(
                id = %settlement.in_flight.entry.id,
                attempt = settlement.in_flight.entry.attempts,
                outcome = settlement.outcome().map(Outcome::as_str),
                "a worker of the outbox had lost its lease before it settled, and changed nothing"
            );
            #[cfg(feature = "metrics")]
            crate::metrics::fenced(&settlement.in_flight.entry.queue);
            return self.monitor.update(|health| health.fenced += 1);
        }
        say_hold(settlement);
        let outcome = settlement.outcome();
        self.monitor.update(|health| match (settlement.settlement.end, outcome) {
            (End::Done, _) => health.delivered += 1,
            (End::Again { .. }, Some(outcome)) => health.count_deferred(outcome),
            (End::Dead(reason), _) => health.count_dead_letter(reason),
            (End::GiveBack | End::Again { .. }, _) => health.given_back += 1,
        });
        #[cfg(feature = "metrics")]
        if settlement.settlement.end == End::Done {
            crate::metrics::delivered(&settlement.in_flight.entry, settlement.in_flight.at(now));
        }
        if let End::Dead(_) = settlement.settlement.end {
            self.outbox.died(&settlement.buried(now));
        }
    }

    fn claimed<D>(
        &mut self,
        claimed: Claimed,
        now: Instant,
        send: impl Fn(Delivery, watch::Receiver<Stop>) -> D,
    ) where
        D: Future<Output = DeliveryResult> + Send + 'static,
    {
        let mut in_flight = InFlight::new(&claimed, self.asked.at, now, self.options.lease);
        if in_flight.until <= now {
            // The store took so long that somebody else may have it by now.
            return self.monitor.update(|health| health.lost += 1);
        }
        if self.is_draining() {
            return self.pending.push(in_flight.back(Hold::Keep));
        }
        if in_flight.holds == 0 {
            self.pace.claimed(&in_flight.authority);
        }
        let (id, attempt) = (claimed.entry.id, claimed.entry.attempts);
        let delivery = Delivery {
            outbox: self.outbox.clone(),
            id,
            attempt,
            revision: claimed.entry.revision,
            repeatable: claimed.entry.repeatable,
            request: claimed.request,
            timeout: self.options.attempt_timeout,
        };
        let span = tracing::info_span!("delivery", %id, attempt, queue = %claimed.entry.queue);
        let (loss, lost) = oneshot::channel();
        let delivery = while_leased(send(delivery, self.stop.subscribe()), lost);
        let task = self.deliveries.spawn(delivery.instrument(span));
        let pickup = in_flight.pickup();
        #[cfg(feature = "metrics")]
        crate::metrics::picked_up(&claimed.entry.queue, pickup);
        in_flight.loss = Some(loss);
        self.in_flight.insert(task.id(), in_flight);
        self.monitor.flying(&self.in_flight);
        self.monitor.update(|health| health.last_pickup = Some(pickup));
    }
}
