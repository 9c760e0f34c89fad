use std::{collections::HashMap, time::Duration};

use tokio::{task::Id, time::Instant};

use super::{
    claimed_entry::{ClaimedEntry, usable_lease},
    failure_backoff::FailureBackoff,
};
use crate::{EntryId, StoreError, store::Lease};

/// The claimed entries whose deliveries run, by delivery task, and the heartbeat that renews their leases.
///
/// It decides when to renew and which deliveries to cancel; the run loop asks the store and cancels.
#[derive(Debug)]
pub(super) struct Leases {
    lease_duration: Duration,
    by_task: HashMap<Id, ClaimedEntry>,
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
    pub(super) fn new(lease_duration: Duration, now: Instant) -> Self {
        Self {
            lease_duration,
            by_task: HashMap::new(),
            heartbeat: Heartbeat { requested: now, tasks: Vec::new() },
            backoff: FailureBackoff::new("renew leases"),
        }
    }

    pub(super) fn insert(&mut self, task: Id, claimed_entry: ClaimedEntry) {
        self.by_task.insert(task, claimed_entry);
    }

    pub(super) fn remove(&mut self, task: Id) -> Option<ClaimedEntry> {
        self.by_task.remove(&task)
    }

    pub(super) fn len(&self) -> usize {
        self.by_task.len()
    }

    /// Whether one of the running deliveries is a probe.
    pub(super) fn has_probe(&self) -> bool {
        self.by_task.values().any(ClaimedEntry::is_probe)
    }

    /// When the leases are to be renewed: a third of their duration after the oldest renewal.
    pub(super) fn next_heartbeat(&self, now: Instant) -> Option<Instant> {
        let first = self.next_expiry()?;
        let at =
            first.checked_sub(usable_lease(self.lease_duration) - self.lease_duration / 3).unwrap_or(first);
        Some(self.backoff.not_before(at, now))
    }

    /// When the first lease expires, of those whose deliveries were not cancelled yet.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.by_task.values().filter(|entry| !entry.is_lost()).map(ClaimedEntry::valid_until).min()
    }

    /// The leases to renew, if it is time.
    pub(super) fn start_heartbeat(&mut self, now: Instant) -> Option<Vec<Lease>> {
        self.next_heartbeat(now).filter(|at| *at <= now)?;
        let kept = self.by_task.iter().filter(|(_, claimed_entry)| !claimed_entry.is_lost());
        let (tasks, leases) =
            kept.map(|(task, claimed_entry)| (*task, claimed_entry.lease().clone())).unzip();
        self.heartbeat = Heartbeat { requested: now, tasks };
        Some(leases)
    }

    /// The store renewed the leases that are `renewed`, in the order of the request. Returns the others.
    pub(super) fn heartbeat_succeeded(&mut self, renewed: Vec<bool>) -> Vec<LostLease> {
        self.backoff.succeeded();
        let mut lost = Vec::new();
        for (task, is_renewed) in self.heartbeat.tasks.iter().zip(renewed) {
            let Some(claimed_entry) = self.by_task.get_mut(task) else { continue };
            if is_renewed {
                claimed_entry.renewed(self.heartbeat.requested, self.lease_duration);
            } else {
                lost.extend(lose(*task, claimed_entry));
            }
        }
        lost
    }

    pub(super) fn heartbeat_failed(&mut self, error: &StoreError, now: Instant, random: f64) {
        self.backoff.failed(error, now, random);
    }

    /// The leases that have expired: another worker may be about to deliver their entries.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<LostLease> {
        let expired = self.by_task.iter_mut().filter(|(_, claimed_entry)| claimed_entry.valid_until() <= now);
        expired.filter_map(|(task, claimed_entry)| lose(*task, claimed_entry)).collect()
    }
}

/// `None` if the delivery was cancelled before.
fn lose(task: Id, claimed_entry: &mut ClaimedEntry) -> Option<LostLease> {
    if claimed_entry.is_lost() {
        return None;
    }
    claimed_entry.mark_lost();
    Some(LostLease { task, entry: claimed_entry.entry().id })
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::{
        StoreErrorKind,
        worker::test_support::{LEASE, claimed_entry},
    };

    /// Leases of entries that were claimed at these times after `now`.
    fn leases(now: Instant, claimed_after: &[Duration]) -> (Leases, Vec<Id>) {
        let (mut leases, mut tasks) = (Leases::new(LEASE, now), JoinSet::new());
        let insert = |after: &Duration| {
            let task = tasks.spawn(async {}).id();
            leases.insert(task, claimed_entry("https://api.example/", 0, now + *after));
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
        assert_eq!(leases.next_expiry(), Some(started + usable_lease(LEASE)));
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
        assert_eq!(leases.expire(now + usable_lease(LEASE) - Duration::from_millis(1)), []);
        let lost = leases.expire(now + usable_lease(LEASE));
        assert_eq!(lost.iter().map(LostLease::task).collect::<Vec<_>>(), ids);
        assert!(usable_lease(LEASE) < LEASE);
    }
}
