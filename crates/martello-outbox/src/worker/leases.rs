use std::{collections::HashMap, time::Duration};

use tokio::{task::Id, time::Instant};

use super::{
    failure_backoff::FailureBackoff,
    in_flight::{InFlight, safe},
};
use crate::{EntryId, StoreError, store::Lease};

/// The entries in flight, by the task that delivers each, and the heartbeat that renews their leases.
///
/// It decides when to renew and which deliveries to cancel; the run loop asks the store and cancels.
#[derive(Debug)]
pub(super) struct Leases {
    duration: Duration,
    in_flight: HashMap<Id, InFlight>,
    heartbeat: Heartbeat,
    backoff: FailureBackoff,
}

/// The last heartbeat that was started.
#[derive(Debug)]
struct Heartbeat {
    requested: Instant,
    tasks: Vec<Id>,
}

/// A delivery to cancel because its lease is lost.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LostLease {
    task: Id,
    entry: EntryId,
}

impl LostLease {
    pub(super) fn task(&self) -> Id {
        self.task
    }

    pub(super) fn entry(&self) -> EntryId {
        self.entry
    }
}

impl Leases {
    pub(super) fn new(duration: Duration, now: Instant) -> Self {
        Self {
            duration,
            in_flight: HashMap::new(),
            heartbeat: Heartbeat { requested: now, tasks: Vec::new() },
            backoff: FailureBackoff::new("renew leases"),
        }
    }

    pub(super) fn insert(&mut self, task: Id, in_flight: InFlight) {
        self.in_flight.insert(task, in_flight);
    }

    pub(super) fn remove(&mut self, task: Id) -> Option<InFlight> {
        self.in_flight.remove(&task)
    }

    pub(super) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether one of the entries in flight is a probe.
    pub(super) fn has_probe(&self) -> bool {
        self.in_flight.values().any(InFlight::is_probe)
    }

    /// When the leases are to be renewed: a third of their duration after the oldest renewal.
    pub(super) fn next_heartbeat(&self, now: Instant) -> Option<Instant> {
        let first = self.next_expiry()?;
        let at = first.checked_sub(safe(self.duration) - self.duration / 3).unwrap_or(first);
        Some(self.backoff.not_before(at, now))
    }

    /// When the first lease expires, of those whose deliveries were not cancelled yet.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.in_flight.values().filter(|entry| !entry.is_lost()).map(InFlight::valid_until).min()
    }

    /// The leases to renew, if it is time.
    pub(super) fn start_heartbeat(&mut self, now: Instant) -> Option<Vec<Lease>> {
        self.next_heartbeat(now).filter(|at| *at <= now)?;
        let kept = self.in_flight.iter().filter(|(_, in_flight)| !in_flight.is_lost());
        let (tasks, leases) = kept.map(|(task, in_flight)| (*task, in_flight.lease().clone())).unzip();
        self.heartbeat = Heartbeat { requested: now, tasks };
        Some(leases)
    }

    /// The store renewed the leases that are `held`, in the order of the request. Returns the others.
    pub(super) fn heartbeat_succeeded(&mut self, held: Vec<bool>) -> Vec<LostLease> {
        self.backoff.succeeded();
        let mut lost = Vec::new();
        for (task, is_held) in self.heartbeat.tasks.iter().zip(held) {
            let Some(in_flight) = self.in_flight.get_mut(task) else { continue };
            if is_held {
                in_flight.renewed(self.heartbeat.requested, self.duration);
            } else {
                lost.extend(lose(*task, in_flight));
            }
        }
        lost
    }

    pub(super) fn heartbeat_failed(&mut self, error: &StoreError, now: Instant, jitter: f64) {
        self.backoff.failed(error, now, jitter);
    }

    /// The leases that have expired: another worker may be about to deliver their entries.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<LostLease> {
        let expired = self.in_flight.iter_mut().filter(|(_, in_flight)| in_flight.valid_until() <= now);
        expired.filter_map(|(task, in_flight)| lose(*task, in_flight)).collect()
    }
}

/// `None` if the delivery was cancelled before.
fn lose(task: Id, in_flight: &mut InFlight) -> Option<LostLease> {
    if in_flight.is_lost() {
        return None;
    }
    in_flight.mark_lost();
    Some(LostLease { task, entry: in_flight.entry().id })
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::{
        StoreErrorKind,
        worker::test_support::{LEASE, in_flight},
    };

    /// Leases of entries that were claimed at these times after `now`.
    fn leases(now: Instant, claimed_after: &[Duration]) -> (Leases, Vec<Id>) {
        let (mut leases, mut tasks) = (Leases::new(LEASE, now), JoinSet::new());
        let insert = |after: &Duration| {
            let task = tasks.spawn(async {}).id();
            leases.insert(task, in_flight("https://api.example/", 0, now + *after));
            task
        };
        let ids = claimed_after.iter().map(insert).collect();
        (leases, ids)
    }

    #[tokio::test]
    async fn leases_are_renewed_together_after_a_third_of_the_oldest() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let (mut leases, _) = leases(now, &[second, 5 * second]);
        assert_eq!(leases.next_heartbeat(now), Some(now + second + LEASE / 3));
        assert_eq!(leases.start_heartbeat(now + LEASE / 3), None);
        let started = now + second + LEASE / 3;
        assert_eq!(leases.start_heartbeat(started).unwrap().len(), 2);
        assert_eq!(leases.heartbeat_succeeded(vec![true, true]), []);
        assert_eq!(leases.next_heartbeat(started), Some(started + LEASE / 3));
        assert_eq!(leases.next_expiry(), Some(started + safe(LEASE)));
    }

    #[tokio::test]
    async fn a_lease_that_the_store_does_not_renew_is_lost_once() {
        let now = Instant::now();
        let (mut leases, ids) = leases(now, &[Duration::ZERO]);
        leases.start_heartbeat(now + LEASE / 3).unwrap();
        let lost = leases.heartbeat_succeeded(vec![false]);
        assert_eq!(lost.iter().map(LostLease::task).collect::<Vec<_>>(), ids);
        assert_eq!(leases.expire(now + LEASE), [], "its delivery is cancelled already");
        assert_eq!((leases.next_expiry(), leases.len()), (None, 1));
        assert_eq!(leases.start_heartbeat(now + LEASE), None, "nothing is left to renew");
    }

    #[tokio::test]
    async fn a_lease_that_cannot_be_renewed_expires_before_the_stores() {
        let now = Instant::now();
        let (mut leases, ids) = leases(now, &[Duration::ZERO]);
        let error = StoreError::new(StoreErrorKind::Unavailable, "down");
        let due = now + LEASE / 3;
        leases.start_heartbeat(due).unwrap();
        leases.heartbeat_failed(&error, due, 0.0);
        assert!(leases.next_heartbeat(due) > Some(due), "it waits after the failure");
        assert_eq!(leases.expire(now + safe(LEASE) - Duration::from_millis(1)), []);
        let lost = leases.expire(now + safe(LEASE));
        assert_eq!(lost.iter().map(LostLease::task).collect::<Vec<_>>(), ids);
        assert!(safe(LEASE) < LEASE);
    }
}
