use martello_outcome::Outcome;
use tokio::time::Instant;

use super::{
    attempt_result::AttemptResult,
    claimed_entry::ClaimedEntry,
    leases::{Leases, LostLease},
    monitor::WorkerMonitor,
    settlements::PendingSettlement,
};
use crate::{
    Entry, Outbox,
    store::{End, HoldChange, Settled},
};

/// Reports what the worker does: to the log, the [health](super::WorkerHealth), the metrics and the hook for
/// dead letters. It decides nothing.
///
/// Failures of the store are logged by [`FailureBackoff`](super::failure_backoff::FailureBackoff), which
/// knows the first of a series and the recovery.
pub(super) struct Reporter {
    outbox: Outbox,
    monitor: WorkerMonitor,
    has_logged_missing_sealing: bool,
}

impl Reporter {
    pub(super) fn new(outbox: Outbox, monitor: WorkerMonitor) -> Self {
        Self { outbox, monitor, has_logged_missing_sealing: false }
    }

    pub(super) fn monitor(&self) -> &WorkerMonitor {
        &self.monitor
    }

    pub(super) fn in_flight(&self, leases: &Leases) {
        self.monitor.update(|health| {
            health.in_flight = leases.len();
            health.probing = leases.has_probe();
        });
    }

    pub(super) fn failures_in_row(&self, failures: u32) {
        self.monitor.update(|health| health.failures_in_row = failures);
    }

    pub(super) fn turn_succeeded(&self, reclaimed_leases: usize, now: Instant) {
        self.monitor.turn_succeeded(now);
        #[cfg(feature = "metrics")]
        crate::metrics::lost_leases(self.outbox.queue(), reclaimed_leases);
        #[cfg(not(feature = "metrics"))]
        let _ = reclaimed_leases;
    }

    /// The turn failed, and `dropped` settlements were given up.
    pub(super) fn turn_failed(&self, dropped: usize) {
        self.store_failed();
        self.monitor.update(|health| health.store_failing = true);
        if dropped > 0 {
            tracing::error!(
                dropped,
                "the store rejected settlements until their leases expired; the worker drops them, and the store \
                 records the attempts as lost"
            );
        }
    }

    pub(super) fn store_failed(&self) {
        self.monitor.update(|health| health.store_failures += 1);
    }

    pub(super) fn claimed(&self, claimed_entry: &ClaimedEntry) {
        let delay = claimed_entry.pickup_delay();
        self.monitor.update(|health| health.last_pickup = Some(delay));
        #[cfg(feature = "metrics")]
        crate::metrics::picked_up(&claimed_entry.entry().queue, delay);
    }

    pub(super) fn attempted(&self, claimed_entry: &ClaimedEntry, result: &AttemptResult, delivered: bool) {
        #[cfg(feature = "metrics")]
        crate::metrics::attempted(&claimed_entry.entry().queue, result.outcome());
        log_attempt(claimed_entry.entry(), result, delivered);
    }

    /// An entry is sealed, and the worker has no sealing. Logged once, because it is true of every sealed
    /// entry.
    pub(super) fn missing_sealing(&mut self, fault: &str) {
        if !std::mem::replace(&mut self.has_logged_missing_sealing, true) {
            let queue = self.outbox.queue();
            tracing::error!(%queue, "this worker cannot send entries of its queue and gives them back: {fault}");
        }
    }

    pub(super) fn lease_rejected(&self, lost: &LostLease) {
        tracing::warn!(id = %lost.entry(), "the store did not renew a lease; the worker cancels the delivery");
    }

    pub(super) fn lease_expired(&self, lost: &LostLease) {
        tracing::warn!(
            id = %lost.entry(),
            "the worker could not renew a lease before it expired and cancels the delivery"
        );
    }

    /// A delivery was cancelled, or never started, because its lease was lost.
    pub(super) fn delivery_lost(&self) {
        self.monitor.update(|health| health.lost += 1);
    }

    pub(super) fn settled(&self, pending: &PendingSettlement, settled: Settled, now: Instant) {
        if settled == Settled::Fenced {
            return self.fenced(pending);
        }
        let (settlement, claimed_entry) = (pending.settlement(), pending.claimed_entry());
        log_hold(claimed_entry, &settlement.hold);
        let outcome = settlement.attempt.as_ref().map(|attempt| attempt.outcome);
        self.monitor.update(|health| match (settlement.end, outcome) {
            (End::Done, _) => health.delivered += 1,
            (End::Again { .. }, Some(outcome)) => health.count_deferred(outcome),
            (End::Dead(reason), _) => health.count_dead_letter(reason),
            (End::GiveBack | End::Again { .. }, _) => health.given_back += 1,
        });
        #[cfg(feature = "metrics")]
        if settlement.end == End::Done {
            crate::metrics::delivered(claimed_entry.entry(), claimed_entry.store_time(now));
        }
        if let Some(entry) = pending.dead_letter(now) {
            self.outbox.report_dead_letter(&entry);
        }
    }

    fn fenced(&self, pending: &PendingSettlement) {
        let (entry, attempt) = (pending.claimed_entry().entry(), pending.settlement().attempt.as_ref());
        tracing::warn!(
            id = %entry.id,
            attempt = entry.attempts,
            outcome = attempt.map(|attempt| attempt.outcome).map(Outcome::as_str),
            "the worker settled after its lease was lost; the store ignored it"
        );
        #[cfg(feature = "metrics")]
        crate::metrics::fenced(&entry.queue);
        self.monitor.update(|health| health.fenced += 1);
    }

    /// Entries that the store has made dead letters by itself.
    pub(super) fn dead_letters(&self, entries: &[Entry]) {
        for entry in entries {
            if let Some(reason) = entry.reason {
                self.monitor.update(|health| health.count_dead_letter(reason));
            }
            self.outbox.report_dead_letter(entry);
        }
    }

    /// The worker has ended with this many deliveries that it could not settle.
    pub(super) fn ended(&self, unsettled: usize) {
        if unsettled > 0 {
            tracing::warn!(
                unsettled,
                "the worker stopped before the store had settled all its deliveries; other workers take these entries \
                 over when their leases expire"
            );
        }
    }
}

fn log_attempt(entry: &Entry, result: &AttemptResult, delivered: bool) {
    let (id, attempt, outcome) = (entry.id, entry.attempts, result.outcome().as_str());
    let status = result.status().map(|status| status.as_u16());
    let tracking_id = result.tracking_id();
    let tracking_id = tracking_id.as_ref().map(tracing::field::display);
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

fn log_hold(claimed_entry: &ClaimedEntry, hold: &HoldChange) {
    let (queue, authority) = (&claimed_entry.entry().queue, claimed_entry.authority());
    match hold {
        HoldChange::Keep => {}
        HoldChange::End => tracing::info!(%queue, authority, "the worker ended the hold of an authority"),
        HoldChange::For { wait, why, .. } => {
            tracing::warn!(%queue, authority, ?wait, "the worker holds an authority: {why}");
        }
    }
}
