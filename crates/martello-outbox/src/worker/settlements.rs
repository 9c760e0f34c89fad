use tokio::time::Instant;

use super::{attempt_result::AttemptResult, claimed_entry::ClaimedEntry};
use crate::{
    Entry, State, StoreErrorKind,
    store::{End, HoldChange, Settled, Settlement},
};

/// A settlement that the store has not acknowledged yet.
#[derive(Debug)]
pub(super) struct PendingSettlement {
    claimed_entry: ClaimedEntry,
    settlement: Settlement,
}

impl PendingSettlement {
    /// Gives back an entry that was not sent.
    pub(super) fn give_back(claimed_entry: ClaimedEntry, hold: HoldChange) -> Self {
        let settlement =
            Settlement { lease: claimed_entry.lease().clone(), end: End::GiveBack, attempt: None, hold };
        Self { claimed_entry, settlement }
    }

    /// Records an attempt and what becomes of the entry.
    pub(super) fn after_attempt(
        claimed_entry: ClaimedEntry,
        result: AttemptResult,
        end: End,
        hold: HoldChange,
    ) -> Self {
        let attempt = Some(result.into_record(&claimed_entry));
        let settlement = Settlement { lease: claimed_entry.lease().clone(), end, attempt, hold };
        Self { claimed_entry, settlement }
    }

    pub(super) fn claimed_entry(&self) -> &ClaimedEntry {
        &self.claimed_entry
    }

    pub(super) fn settlement(&self) -> &Settlement {
        &self.settlement
    }

    /// The entry as the store has it after this settlement, if it makes the entry a dead letter.
    pub(super) fn dead_letter(&self, now: Instant) -> Option<Entry> {
        let End::Dead(reason) = self.settlement.end else { return None };
        let mut entry = self.claimed_entry.entry().clone();
        entry.state = State::Dead;
        entry.reason = Some(reason);
        entry.changed_at = self.claimed_entry.store_time(now);
        let attempt = self.settlement.attempt.as_ref();
        entry.last_outcome = attempt.map(|attempt| attempt.outcome);
        entry.last_status = attempt.and_then(|attempt| attempt.status);
        entry.last_tracking_id = attempt.and_then(|attempt| attempt.tracking_id);
        Some(entry)
    }
}

/// The settlements that wait for the next turn, or for its answer. At most as many as entries may be in
/// flight.
#[derive(Debug, Default)]
pub(super) struct Settlements {
    pending: Vec<PendingSettlement>,
    /// How many of the first were sent in the last turn.
    sent: usize,
}

impl Settlements {
    pub(super) fn push(&mut self, settlement: PendingSettlement) {
        self.pending.push(settlement);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    /// A turn starts. Returns what it settles.
    pub(super) fn start_turn(&mut self) -> Vec<Settlement> {
        self.sent = self.pending.len();
        self.pending.iter().map(|pending| pending.settlement.clone()).collect()
    }

    /// The store has answered. Returns what it did with each settlement that was sent.
    pub(super) fn turn_succeeded(&mut self, settled: Vec<Settled>) -> Vec<(PendingSettlement, Settled)> {
        self.pending.drain(..self.sent).zip(settled).collect()
    }

    /// The turn failed. Drops what cannot be settled, and returns how many that are.
    ///
    /// After an error that may be due to one of the settlements, those whose leases have expired are dropped,
    /// so that the others do not wait for it forever.
    pub(super) fn turn_failed(&mut self, kind: StoreErrorKind, now: Instant) -> usize {
        use StoreErrorKind::{Conflict, Internal, Invalid, NotFound};
        let before = self.pending.len();
        if matches!(kind, NotFound | Conflict | Invalid | Internal) {
            self.pending.retain(|pending| pending.claimed_entry.valid_until() > now);
        }
        before - self.pending.len()
    }
}

#[cfg(test)]
mod tests {
    use martello_outcome::Outcome;

    use super::*;
    use crate::{
        Reason,
        worker::test_support::{LEASE, claimed_entry},
    };

    fn give_back(now: Instant) -> PendingSettlement {
        PendingSettlement::give_back(claimed_entry("https://api.example/", 0, now), HoldChange::Keep)
    }

    #[test]
    fn what_comes_during_a_turn_waits_for_the_next() {
        let (now, mut settlements) = (Instant::now(), Settlements::default());
        settlements.push(give_back(now));
        settlements.push(give_back(now));
        let sent = settlements.start_turn();
        settlements.push(give_back(now));
        let settled = settlements.turn_succeeded(vec![Settled::Applied, Settled::Fenced]);
        let leases: Vec<_> = settled.iter().map(|(pending, _)| pending.settlement.lease.clone()).collect();
        assert_eq!(leases, [sent[0].lease.clone(), sent[1].lease.clone()]);
        assert_eq!((settled[1].1, settlements.len()), (Settled::Fenced, 1));
        assert_eq!(settlements.start_turn().len(), 1);
    }

    #[test]
    fn what_cannot_be_settled_is_dropped_when_its_lease_has_expired() {
        let now = Instant::now();
        for (kind, dropped) in [(StoreErrorKind::Internal, 1), (StoreErrorKind::Unavailable, 0)] {
            let mut settlements = Settlements::default();
            settlements.push(give_back(now));
            settlements.push(give_back(now + LEASE / 2));
            assert_eq!(settlements.turn_failed(kind, now + LEASE / 2), 0, "the leases are valid");
            assert_eq!(settlements.turn_failed(kind, now + LEASE), dropped, "{kind:?}");
            assert_eq!(settlements.len(), 2 - dropped);
            assert!(!settlements.is_empty());
        }
    }

    #[test]
    fn a_dead_letter_has_the_reason_and_the_last_attempt() {
        let now = Instant::now();
        let result = AttemptResult::new(Outcome::Ambiguous, now);
        let claimed_entry = claimed_entry("https://api.example/", 0, now);
        let end = End::Dead(Reason::Ambiguous);
        let pending = PendingSettlement::after_attempt(claimed_entry, result, end, HoldChange::Keep);
        let entry = pending.dead_letter(now).unwrap();
        assert_eq!((entry.state, entry.reason), (State::Dead, Some(Reason::Ambiguous)));
        assert_eq!(entry.last_outcome, Some(Outcome::Ambiguous));
        assert_eq!(give_back(now).dead_letter(now), None);
    }
}
