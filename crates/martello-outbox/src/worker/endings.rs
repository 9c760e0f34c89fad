//! What follows from how a delivery ended.

use std::time::Duration;

use martello_outcome::Outcome;
use tokio::{
    task::{Id, JoinError},
    time::Instant,
};

use super::{
    driver::Driver,
    flight::{Ending, Flight},
    pace::hold,
    report::{Came, Report},
};
use crate::{End, Hold};

impl Driver {
    /// A delivery's task has ended.
    pub(super) fn joined(&mut self, joined: Result<(Id, Came), JoinError>) {
        let task = match &joined {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(flight) = self.flights.remove(&task) else { return };
        match joined {
            Ok((_, Came::Ended(report))) => self.ended(flight, *report),
            Ok((_, Came::Lost)) => self.monitor.update(|health| health.lost += 1),
            Ok((_, Came::Back { refused })) => {
                if refused {
                    self.pace.refused(Instant::now(), self.random.f64());
                }
                self.endings.push(flight.back(Hold::Keep));
            }
            Ok((_, Came::Untried(fault))) => self.untried(flight, &fault),
            Ok((_, Came::Unable(fault))) => self.unable(flight, &fault),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => {
                    let report = Report::new(Outcome::Ambiguous, flight.received).of_our_own();
                    self.ended(flight, report.saying(format!("the service panicked: {}", said(&*panic))));
                }
                // Somebody else aborted it, and so nobody goes on under its lease.
                Err(_) => self.monitor.update(|health| health.lost += 1),
            },
        }
        self.monitor.flying(&self.flights);
    }

    fn ended(&mut self, flight: Flight, report: Report) {
        #[cfg(feature = "metrics")]
        crate::metrics::attempted(&flight.entry.queue, report.outcome);
        let hold = match report.outcome {
            _ if report.of_our_own => Hold::Keep,
            Outcome::Success | Outcome::Rejected => {
                self.pace.well(&flight.authority);
                // Only what was claimed to find out says that it is back.
                if flight.holds > 0 { Hold::End } else { Hold::Keep }
            }
            _ => self.failed(&flight, &report),
        };
        self.tell_failures(Instant::now());
        let end = self.options.policy.end(&flight.entry, &report, self.random.f64());
        say(&flight, &report, end == End::Done);
        self.endings.push(flight.ended(report, end, hold));
    }

    pub(super) fn tell_failures(&mut self, now: Instant) {
        let failures_in_row = self.pace.streak(now);
        self.monitor.update(|health| health.failures_in_row = failures_in_row);
    }

    fn failed(&mut self, flight: &Flight, report: &Report) -> Hold {
        let at = (Instant::now(), self.random.f64());
        let failed = self.pace.failed(&flight.authority, flight.holds, report.retry_after, at);
        let Some((wait, failures)) = failed else { return Hold::Keep };
        let status = report.status.map(|status| format!(", {}", status.as_u16())).unwrap_or_default();
        let last = format!("{}{status}", report.outcome);
        let why = match flight.holds {
            0 => format!("{failures} failures in a row, the last: {last}"),
            _ => format!("it fails still: {last}"),
        };
        hold_for(flight, wait, why)
    }

    /// A layer of the user's stack could not even try: what is behind it will hardly let it try another.
    fn untried(&mut self, flight: Flight, fault: &str) {
        if flight.holds == 0 {
            self.pace.untried(Instant::now(), self.random.f64());
        }
        let wait = hold(flight.holds, Duration::ZERO, self.random.f64());
        let hold = hold_for(&flight, wait, format!("nothing was sent: {fault}"));
        self.endings.push(flight.back(hold));
    }

    /// Somebody has to set this worker up otherwise: said once, and not at every entry that it cannot send.
    fn unable(&mut self, flight: Flight, fault: &str) {
        if !std::mem::replace(&mut self.said_unable, true) {
            let queue = self.outbox.queue();
            tracing::error!(%queue, "a worker cannot send what is in its queue, and leaves it to others: {fault}");
        }
        self.pace.refused(Instant::now(), self.random.f64());
        self.endings.push(flight.back(Hold::Keep));
    }
}

fn hold_for(flight: &Flight, wait: Duration, why: String) -> Hold {
    Hold::For { after: flight.holds, wait, why: why.into() }
}

/// Says what the store has made of a hold.
pub(super) fn say_hold(ending: &Ending) {
    let (queue, authority) = (&ending.flight.entry.queue, &ending.flight.authority);
    match &ending.settlement.hold {
        Hold::Keep => {}
        Hold::End => {
            tracing::info!(%queue, authority, "a worker ended the hold of an authority of its queue");
        }
        Hold::For { wait, why, .. } => {
            tracing::warn!(%queue, authority, ?wait, "a worker holds an authority of its queue: {why}");
        }
    }
}

fn say(flight: &Flight, report: &Report, delivered: bool) {
    let (id, attempt, outcome) = (flight.entry.id, flight.entry.attempts, report.outcome.as_str());
    let status = report.status.map(|status| status.as_u16());
    let tracking_id = report.tracking_id.as_ref().map(tracing::field::display);
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
