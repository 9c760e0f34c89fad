use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::{
    Entry,
    store::{Claimed, Lease},
};

/// An entry that this worker has claimed and not settled yet.
#[derive(Debug)]
pub(super) struct ClaimedEntry {
    lease: Lease,
    entry: Entry,
    authority: String,
    /// If the claim is a probe: how many holds of its authority there were in a row. Else 0.
    holds_in_row: u32,
    /// When the store claimed it, by the store's clock.
    claimed_at: Timestamp,
    /// When this worker received the claim, by its own clock.
    received: Instant,
    /// Until when the lease is certainly valid, by this worker's clock.
    valid_until: Instant,
    is_lost: bool,
}

impl ClaimedEntry {
    /// The claim of a turn that was sent to the store at `requested` and answered at `received`.
    pub(super) fn new(
        claimed: &Claimed,
        requested: Instant,
        received: Instant,
        lease_duration: Duration,
    ) -> Self {
        Self {
            lease: claimed.lease.clone(),
            entry: claimed.entry.clone(),
            authority: claimed.request.authority(),
            holds_in_row: claimed.holds_in_row,
            claimed_at: claimed.until.checked_sub(lease_duration).unwrap_or(claimed.until),
            received,
            valid_until: requested + usable_lease(lease_duration),
            is_lost: false,
        }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(super) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Where the request goes.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn holds_in_row(&self) -> u32 {
        self.holds_in_row
    }

    pub(super) fn is_probe(&self) -> bool {
        self.holds_in_row > 0
    }

    pub(super) fn received(&self) -> Instant {
        self.received
    }

    pub(super) fn valid_until(&self) -> Instant {
        self.valid_until
    }

    /// A heartbeat that was sent at `requested` has renewed the lease.
    pub(super) fn renewed(&mut self, requested: Instant, lease_duration: Duration) {
        self.valid_until = requested + usable_lease(lease_duration);
    }

    /// Whether the worker has given the delivery up because its lease is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(super) fn mark_lost(&mut self) {
        self.is_lost = true;
    }

    /// This moment by the store's clock, as far as this worker knows it.
    pub(super) fn store_time(&self, moment: Instant) -> Timestamp {
        let since = whole_micros(moment.saturating_duration_since(self.received));
        self.claimed_at.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    /// How long the entry had been due when it was claimed.
    pub(super) fn pickup_delay(&self) -> Duration {
        Duration::try_from(self.claimed_at.duration_since(self.entry.due_at)).unwrap_or_default()
    }
}

/// How much of a lease a worker relies on: 95 %. Cancelling a delivery takes a moment too, and another worker
/// may start the next delivery as soon as the lease expires.
pub(super) fn usable_lease(duration: Duration) -> Duration {
    duration - duration / 20
}

/// Truncated to whole microseconds, as the engines store them.
pub(super) fn whole_micros(time: Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::test_support::{LEASE, claimed};

    #[test]
    fn a_lease_is_valid_from_before_the_store_was_asked() {
        let requested = Instant::now();
        let received = requested + Duration::from_secs(2);
        let mut claimed_entry =
            ClaimedEntry::new(&claimed("https://api.example/", 0), requested, received, LEASE);
        assert_eq!(claimed_entry.valid_until(), requested + LEASE.mul_f64(0.95));
        claimed_entry.renewed(received, LEASE);
        assert_eq!(claimed_entry.valid_until(), received + LEASE.mul_f64(0.95));
    }

    #[test]
    fn the_stores_clock_goes_on_from_the_claim() {
        let claimed = claimed("https://api.example/", 0);
        let (now, claimed_at) = (Instant::now(), claimed.until.checked_sub(LEASE).unwrap());
        let claimed_entry = ClaimedEntry::new(&claimed, now, now, LEASE);
        let later = claimed_entry.store_time(now + Duration::from_nanos(5_000_999));
        assert_eq!(later, claimed_at.checked_add(Duration::from_millis(5)).unwrap(), "whole microseconds");
        assert_eq!(claimed_entry.store_time(now - Duration::from_secs(1)), claimed_at);
    }
}
