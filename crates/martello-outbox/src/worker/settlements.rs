//! What follows from how a delivery ended.

use std::time::Duration;

use martello_outcome::Outcome;
use tokio::{
    task::{Id, JoinError},
    time::Instant,
};

use super::{
    delivery_result::{AttemptResult, DeliveryResult},
    in_flight::{InFlight, PendingSettlement},
    pace::hold,
    run_loop::RunLoop,
};
use crate::{End, Hold};

impl RunLoop {
    /// A delivery's task has ended.
    pub(super) fn joined(&mut self, joined: Result<(Id, DeliveryResult), JoinError>) {
        let task = match &joined {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(in_flight) = self.in_flight.remove(&task) else { return };
        match joined {
            Ok((_, DeliveryResult::Attempted(result))) => self.ended(in_flight, *result),
            Ok((_, DeliveryResult::LeaseLost)) => self.monitor.update(|health| health.lost += 1),
            Ok((_, DeliveryResult::NotSent { refused })) => {
                if refused {
                    self.pace.refused(Instant::now(), self.random.f64());
                }
                self.pending.push(in_flight.back(Hold::Keep));
            }
            Ok((_, DeliveryResult::Untried(fault))) => self.untried(in_flight, &fault),
            Ok((_, DeliveryResult::CannotSend(fault))) => self.unable(in_flight, &fault),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => {
                    let result = AttemptResult::new(Outcome::Ambiguous, in_flight.received).of_our_own();
                    self.ended(in_flight, result.saying(format!("the service panicked: {}", said(&*panic))));
                }
                // Somebody else aborted it, and so nobody goes on under its lease.
                Err(_) => self.monitor.update(|health| health.lost += 1),
            },
        }
        self.monitor.flying(&self.in_flight);
    }

    fn ended(&mut self, in_flight: InFlight, result: AttemptResult) {
        #[cfg(feature = "metrics")]
        crate::metrics::attempted(&in_flight.entry.queue, result.outcome);
        let hold = match result.outcome {
            _ if result.of_our_own => Hold::Keep,
            Outcome::Success | Outcome::Rejected => {
                self.pace.well(&in_flight.authority);
                // Only what was claimed to find out says that it is back.
                if in_flight.holds > 0 { Hold::End } else { Hold::Keep }
            }
            _ => self.failed(&in_flight, &result),
        };
        self.tell_failures(Instant::now());
        let end = self.options.policy.end(&in_flight.entry, &result, self.random.f64());
        say(&in_flight, &result, end == End::Done);
        self.pending.push(in_flight.ended(result, end, hold));
    }

    pub(super) fn tell_failures(&mut self, now: Instant) {
        let failures_in_row = self.pace.streak(now);
        self.monitor.update(|health| health.failures_in_row = failures_in_row);
    }

    fn failed(&mut self, in_flight: &InFlight, result: &AttemptResult) -> Hold {
        let at = (Instant::now(), self.random.f64());
        let failed = self.pace.failed(&in_flight.authority, in_flight.holds, result.retry_after, at);
        let Some((wait, failures)) = failed else { return Hold::Keep };
        let status = result.status.map(|status| format!(", {}", status.as_u16())).unwrap_or_default();
        let last = format!("{}{status}", result.outcome);
        let why = match in_flight.holds {
            0 => format!("{failures} failures in a row, the last: {last}"),
            _ => format!("it fails still: {last}"),
        };
        hold_for(in_flight, wait, why)
    }

    /// A layer of the user's stack could not even try: what is behind it will hardly let it try another.
    fn untried(&mut self, in_flight: InFlight, fault: &str) {
        if in_flight.holds == 0 {
            self.pace.untried(Instant::now(), self.random.f64());
        }
        let wait = hold(in_flight.holds, Duration::ZERO, self.random.f64());
        let hold = hold_for(&in_flight, wait, format!("nothing was sent: {fault}"));
        self.pending.push(in_flight.back(hold));
    }

    /// Somebody has to set this worker up otherwise: said once, and not at every entry that it cannot send.
    fn unable(&mut self, in_flight: InFlight, fault: &str) {
        if !std::mem::replace(&mut self.said_unable, true) {
            let queue = self.outbox.queue();
            tracing::error!(%queue, "a worker cannot send what is in its queue, and leaves it to others: {fault}");
        }
        self.pace.refused(Instant::now(), self.random.f64());
        self.pending.push(in_flight.back(Hold::Keep));
    }
}

fn hold_for(in_flight: &InFlight, wait: Duration, why: String) -> Hold {
    Hold::For { after: in_flight.holds, wait, why: why.into() }
}

/// Says what the store has made of a hold.
pub(super) fn say_hold(settlement: &PendingSettlement) {
    let (queue, authority) = (&settlement.in_flight.entry.queue, &settlement.in_flight.authority);
    match &settlement.settlement.hold {
        Hold::Keep => {}
        Hold::End => {
            tracing::info!(%queue, authority, "a worker ended the hold of an authority of its queue");
        }
        Hold::For { wait, why, .. } => {
            tracing::warn!(%queue, authority, ?wait, "a worker holds an authority of its queue: {why}");
        }
    }
}

fn say(in_flight: &InFlight, result: &AttemptResult, delivered: bool) {
    let (id, attempt, outcome) = (in_flight.entry.id, in_flight.entry.attempts, result.outcome.as_str());
    let status = result.status.map(|status| status.as_u16());
    let tracking_id = result.tracking_id.as_ref().map(tracing::field::display);
    if delivered {
        tracing::debug!(
            %id,
            attempt,
            outcome,
            http.response.status_code = status,
            tracking_id,
            "a stored request was delivered"
        );
    } else {
        tracing::info!(
            %id,
            attempt,
            outcome,
            http.response.status_code = status,
            tracking_id,
            "a stored request was not delivered"
        );
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it does not say why")
}
