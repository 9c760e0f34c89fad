//! How a worker keeps what it has, and lets go of what it has lost.

use std::time::Duration;

use tokio::{task::Id, time::Instant};

use super::driver::Driver;
use crate::{Lease, StoreError};

/// The heartbeat under way.
pub(super) struct Beat {
    at: Instant,
    tasks: Vec<Id>,
}

impl Beat {
    pub(super) fn none(at: Instant) -> Self {
        Self { at, tasks: Vec::new() }
    }
}

/// For how long of a lease a worker takes an entry to be its own: to drop a delivery takes a moment, too, and
/// the next may begin with the lease's end.
pub(super) fn safe(lease: Duration) -> Duration {
    lease - lease / 20
}

impl Driver {
    /// When the leases are to be renewed: a third of their time after the one that was not renewed for longest was.
    pub(super) fn renew_at(&self, now: Instant) -> Option<Instant> {
        let first = self.lost_at()?;
        let lease = self.options.lease;
        let at = first.checked_sub(safe(lease) - lease / 3).unwrap_or(first);
        Some(self.beats.resting(now).map_or(at, |until| until.max(at)))
    }

    /// When the first lease runs out, of those that deliveries go on under.
    pub(super) fn lost_at(&self) -> Option<Instant> {
        self.flights.values().filter(|flight| flight.loss.is_some()).map(|flight| flight.until).min()
    }

    /// The leases to renew, if it is time.
    pub(super) fn leases_to_renew(&mut self) -> Option<Vec<Lease>> {
        let at = Instant::now();
        self.renew_at(at).filter(|due| *due <= at)?;
        let flights = self.flights.iter().filter(|(_, flight)| flight.loss.is_some());
        let (tasks, leases) = flights.map(|(task, flight)| (*task, flight.lease.clone())).unzip();
        self.beat = Beat { at, tasks };
        Some(leases)
    }

    pub(super) fn renewed(&mut self, renewed: Result<Vec<bool>, StoreError>) {
        let held = match renewed {
            Ok(held) => held,
            Err(error) => {
                self.monitor.update(|health| health.store_failures += 1);
                return self.beats.failed(&error, Instant::now(), self.random.f64());
            }
        };
        self.beats.passed();
        for (task, held) in self.beat.tasks.iter().zip(held) {
            let Some(flight) = self.flights.get_mut(task) else { continue };
            if held {
                flight.until = self.beat.at + safe(self.options.lease);
            } else if let Some(loss) = flight.loss.take() {
                tracing::warn!(
                    id = %flight.entry.id,
                    "a worker of the outbox has lost a lease, and drops the delivery"
                );
                // One that has just ended hears nothing of it, and is fenced.
                let _ = loss.send(());
            }
        }
    }

    /// Drops the deliveries whose leases have run out: somebody else may be about to deliver.
    pub(super) fn drop_lost(&mut self, now: Instant) {
        for flight in self.flights.values_mut().filter(|flight| flight.until <= now) {
            if let Some(loss) = flight.loss.take() {
                tracing::warn!(
                    id = %flight.entry.id,
                    "a worker of the outbox could not renew a lease in time, and drops the delivery"
                );
                // One that has just ended hears nothing of it, and is fenced.
                let _ = loss.send(());
            }
        }
    }
}
