//! How a worker keeps what it has, and lets go of what it has lost.

use std::time::Duration;

use tokio::{task::Id, time::Instant};

use super::run_loop::RunLoop;
use crate::{Lease, StoreError};

/// The heartbeat under way.
pub(super) struct Heartbeat {
    at: Instant,
    tasks: Vec<Id>,
}

impl Heartbeat {
    pub(super) fn none(at: Instant) -> Self {
        Self { at, tasks: Vec::new() }
    }
}

/// For how long of a lease a worker takes an entry to be its own: to drop a delivery takes a moment, too, and
/// the next may begin with the lease's end.
pub(super) fn safe(lease: Duration) -> Duration {
    lease - lease / 20
}

impl RunLoop {
    /// When the leases are to be renewed: a third of their time after the one that was not renewed for longest was.
    pub(super) fn renew_at(&self, now: Instant) -> Option<Instant> {
        let first = self.lost_at()?;
        let lease = self.options.lease;
        let at = first.checked_sub(safe(lease) - lease / 3).unwrap_or(first);
        Some(self.heartbeats.resting(now).map_or(at, |until| until.max(at)))
    }

    /// When the first lease runs out, of those that deliveries go on under.
    pub(super) fn lost_at(&self) -> Option<Instant> {
        self.in_flight
            .values()
            .filter(|in_flight| in_flight.loss.is_some())
            .map(|in_flight| in_flight.until)
            .min()
    }

    /// The leases to renew, if it is time.
    pub(super) fn leases_to_renew(&mut self) -> Option<Vec<Lease>> {
        let at = Instant::now();
        self.renew_at(at).filter(|due| *due <= at)?;
        let in_flight = self.in_flight.iter().filter(|(_, in_flight)| in_flight.loss.is_some());
        let (tasks, leases) = in_flight.map(|(task, in_flight)| (*task, in_flight.lease.clone())).unzip();
        self.heartbeat = Heartbeat { at, tasks };
        Some(leases)
    }

    pub(super) fn renewed(&mut self, renewed: Result<Vec<bool>, StoreError>) {
        let held = match renewed {
            Ok(held) => held,
            Err(error) => {
                self.monitor.update(|health| health.store_failures += 1);
                return self.heartbeats.failed(&error, Instant::now(), self.random.f64());
            }
        };
        self.heartbeats.passed();
        for (task, held) in self.heartbeat.tasks.iter().zip(held) {
            let Some(in_flight) = self.in_flight.get_mut(task) else { continue };
            if held {
                in_flight.until = self.heartbeat.at + safe(self.options.lease);
            } else if let Some(loss) = in_flight.loss.take() {
                tracing::warn!(
                    id = %in_flight.entry.id,
                    "a worker of the outbox has lost a lease, and drops the delivery"
                );
                // One that has just ended hears nothing of it, and is fenced.
                let _ = loss.send(());
            }
        }
    }

    /// Drops the deliveries whose leases have run out: somebody else may be about to deliver.
    pub(super) fn drop_lost(&mut self, now: Instant) {
        for in_flight in self.in_flight.values_mut().filter(|in_flight| in_flight.until <= now) {
            if let Some(loss) = in_flight.loss.take() {
                tracing::warn!(
                    id = %in_flight.entry.id,
                    "a worker of the outbox could not renew a lease in time, and drops the delivery"
                );
                // One that has just ended hears nothing of it, and is fenced.
                let _ = loss.send(());
            }
        }
    }
}
