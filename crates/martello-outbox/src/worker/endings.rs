//! What follows from how a delivery ended.

use std::error::Error;

use martello_outcome::Outcome;
use tokio::{
    task::{Id, JoinError},
    time::Instant,
};

use super::{
    driver::Driver,
    flight::Flight,
    report::{Came, Report},
};
use crate::{End, StoreError};

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
                self.endings.push(flight.back());
            }
            Err(error) => match error.try_into_panic() {
                Ok(panic) => {
                    let report = Report::new(Outcome::Ambiguous, flight.received).of_our_own();
                    self.ended(flight, report.saying(format!("the service panicked: {}", said(&*panic))));
                }
                // Somebody else aborted it, and so nobody goes on under its lease.
                Err(_) => self.monitor.update(|health| health.lost += 1),
            },
        }
        let in_flight = self.deliveries.len();
        self.monitor.update(|health| health.in_flight = in_flight);
    }

    fn ended(&mut self, flight: Flight, report: Report) {
        #[cfg(feature = "metrics")]
        crate::metrics::attempted(&flight.entry.queue, report.outcome);
        match report.outcome {
            _ if report.of_our_own => {}
            Outcome::Success | Outcome::Rejected => self.pace.well(),
            _ => self.failed(flight.generation, &report),
        }
        let (failures_in_row, probing) = (self.pace.streak(), self.pace.is_probing());
        self.monitor.update(|health| {
            health.failures_in_row = failures_in_row;
            health.probing = probing;
        });
        let end = self.options.policy.end(&flight.entry, &report, self.random.f64());
        say(&flight, &report, end == End::Done);
        self.endings.push(flight.ended(report, end));
    }

    fn failed(&mut self, generation: u32, report: &Report) {
        let Some(wait) = self.pace.failed(generation, report.retry_after, self.random.f64()) else { return };
        let (failures, outcome) = (self.pace.streak(), report.outcome);
        let why = match report.status {
            Some(status) => format!("{failures} failures in a row, the last: {outcome}, {}", status.as_u16()),
            None => format!("{failures} failures in a row, the last: {outcome}"),
        };
        tracing::warn!(queue = %self.outbox.queue(), ?wait, "a worker holds its queue: {why}");
        self.hold = Some((wait, why));
    }

    /// The store was told to hold the queue.
    pub(super) fn held(&mut self, held: &Result<(), StoreError>) {
        let now = Instant::now();
        if let Err(error) = held {
            self.monitor.update(|health| health.store_failures += 1);
            tracing::warn!(
                exception.message = %error,
                cause = error.source().map(ToString::to_string),
                "the outbox's store could not hold a queue: this worker rests, others do not"
            );
        }
        self.pace.held(held.is_ok(), now);
        self.look_at = now;
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
