//! The one task of a worker.

use std::{future::pending, pin::pin};

use tokio::{sync::watch, task::Id, time::Instant};

use super::{
    attempt_result::AttemptResult,
    claimed_entry::ClaimedEntry,
    claims::{Claim, Claims},
    deliveries::Deliveries,
    delivery::Delivery,
    delivery_result::DeliveryResult,
    health::WorkerPhase,
    holds::Holds,
    leases::Leases,
    monitor::{RunningPhase, WorkerMonitor},
    options::WorkerOptions,
    policy,
    pruning::Pruning,
    reporter::Reporter,
    settlements::{PendingSettlement, Settlements},
    shutdown::Shutdown,
    stop::StopLevel,
    store_op::StoreOp,
    turns::TurnSchedule,
};
use crate::{
    Outbox, Outcome, StoreError,
    store::{Claimed, End, HoldChange, Turn, Turned, Watch, WorkerId},
};

/// Waits for the next event, asks the worker's parts what follows from it, and does that.
///
/// The parts decide: they hold the worker's state, and get the time and random numbers as arguments. Only the
/// loop uses the store, the clock and tasks.
///
/// `F` is [`delivery::deliver`](super::delivery::deliver) over a clone of the service
/// ([`Worker::run_until`](super::Worker::run_until)).
pub(super) struct RunLoop<F> {
    outbox: Outbox,
    options: WorkerOptions,
    worker: WorkerId,
    rng: fastrand::Rng,
    reporter: Reporter,
    deliveries: Deliveries<F>,
    turns: TurnSchedule,
    claims: Claims,
    leases: Leases,
    settlements: Settlements,
    holds: Holds,
    pruning: Pruning,
    shutdown: Shutdown,
}

impl<F, D> RunLoop<F>
where
    F: Fn(Delivery, watch::Receiver<StopLevel>) -> D,
    D: Future<Output = DeliveryResult> + Send + 'static,
{
    pub(super) fn new(
        outbox: Outbox,
        options: WorkerOptions,
        monitor: WorkerMonitor,
        make_delivery: F,
    ) -> Self {
        let mut rng = options.rng();
        let now = Instant::now();
        let (concurrency, lease_duration) = (outbox.settings.concurrency, options.lease_duration());
        Self {
            worker: options.worker(&mut rng),
            rng,
            reporter: Reporter::new(outbox.clone(), monitor),
            deliveries: Deliveries::new(make_delivery),
            turns: TurnSchedule::new(options.poll_every(), now),
            claims: Claims::new(concurrency, lease_duration),
            leases: Leases::new(lease_duration, now),
            settlements: Settlements::default(),
            holds: Holds::new(options.hold_after(), options.attempt_timeout()),
            pruning: Pruning::new(now),
            shutdown: Shutdown::new(options.grace()),
            outbox,
            options,
        }
    }

    /// Runs until `stop` has ended, and then until the deliveries are settled or the shutdown's deadline has
    /// passed.
    pub(super) async fn run(mut self, stop: impl Future) {
        let (outbox, lease_duration) = (self.outbox.clone(), self.options.lease_duration());
        let store = outbox.store();
        let mut changes = Some(store.watch(Watch::Ready));
        let mut stop = pin!(stop);
        let (mut turn, mut heartbeat, mut prune) = (StoreOp::idle(), StoreOp::idle(), StoreOp::idle());
        let _phase = RunningPhase::begin(self.reporter.monitor());
        while !self.shutdown.is_over(Instant::now(), !turn.is_idle() || self.is_busy()) {
            if turn.is_idle() && self.turn_is_due() {
                // Deliveries that end at the same time are settled in one turn. And if the store always has
                // more entries, the other tasks of the runtime get their turn here.
                tokio::task::yield_now().await;
                self.collect_results();
                changes.iter_mut().for_each(watch::Receiver::mark_unchanged);
                turn.start(store.turn(self.start_turn()), lease_duration);
            }
            if heartbeat.is_idle()
                && let Some(leases) = self.leases.start_heartbeat(Instant::now())
            {
                heartbeat.start(store.heartbeat(leases, lease_duration), lease_duration / 3);
            }
            if prune.is_idle() && self.pruning.start(Instant::now(), &mut self.rng) {
                prune.start(store.prune(self.options.retention(), Pruning::LIMIT), lease_duration);
            }
            let wake_at = self.wake_at(turn.is_idle(), heartbeat.is_idle(), prune.is_idle());
            tokio::select! {
                (task, result) = self.deliveries.finished() => self.delivery_finished(task, result),
                turned = turn.finished() => self.turn_finished(turned),
                renewed = heartbeat.finished() => self.heartbeat_finished(renewed),
                deleted = prune.finished() => self.prune_finished(deleted),
                open = changed(&mut changes) => match open {
                    true => self.turns.store_changed(Instant::now()),
                    // The store notifies no more. The worker polls.
                    false => changes = None,
                },
                _ = &mut stop, if !self.shutdown.has_begun() => self.begin_shutdown(),
                () = tokio::time::sleep_until(wake_at) => {}
            }
            self.collect_results();
            self.check_deadlines();
        }
        self.reporter.ended(self.settlements.len() + self.deliveries.len());
    }

    /// Whether deliveries run or wait to be settled.
    fn is_busy(&self) -> bool {
        !self.deliveries.is_empty() || !self.settlements.is_empty()
    }

    fn next_turn(&self, now: Instant) -> Option<Instant> {
        let capacity = self.claims.capacity(now, self.deliveries.len());
        self.turns.next(now, capacity, !self.settlements.is_empty())
    }

    fn turn_is_due(&self) -> bool {
        let now = Instant::now();
        self.next_turn(now).is_some_and(|at| at <= now)
    }

    /// When something is due although no event has happened. Operations that run already end with an event.
    fn wake_at(&self, turn_is_idle: bool, heartbeat_is_idle: bool, prune_is_idle: bool) -> Instant {
        let now = Instant::now();
        let moments = [
            self.next_turn(now).filter(|_| turn_is_idle),
            self.leases.next_heartbeat(now).filter(|_| heartbeat_is_idle),
            self.pruning.next().filter(|_| prune_is_idle),
            self.claims.paused_until(now),
            self.leases.next_expiry(),
            self.shutdown.next_deadline(now),
        ];
        moments.into_iter().flatten().fold(now + self.options.lease_duration(), Instant::min)
    }

    fn begin_shutdown(&mut self) {
        self.claims.stop();
        self.pruning.stop();
        self.shutdown.begin(Instant::now());
        self.reporter.monitor().set_phase(WorkerPhase::Draining);
    }

    fn check_deadlines(&mut self) {
        let now = Instant::now();
        for lost in self.leases.expire(now) {
            self.reporter.lease_expired(&lost);
            self.deliveries.cancel(lost.task());
        }
        self.deliveries.set_stop(self.shutdown.update(now, !self.deliveries.is_empty()));
    }

    fn start_turn(&mut self) -> Turn {
        let now = Instant::now();
        let claim = self.claims.capacity(now, self.deliveries.len());
        self.turns.start(now, claim);
        Turn {
            queue: self.outbox.queue().clone(),
            worker: self.worker.clone(),
            settle: self.settlements.start_turn(),
            claim,
            cap: self.outbox.settings.concurrency,
            lease_duration: self.options.lease_duration(),
        }
    }

    fn turn_finished(&mut self, turned: Result<Turned, StoreError>) {
        let now = Instant::now();
        let turned = match turned {
            Ok(turned) => turned,
            Err(error) => {
                self.turns.failed(&error, now, self.rng.f64());
                let dropped = self.settlements.turn_failed(error.kind(), now);
                return self.reporter.turn_failed(dropped);
            }
        };
        self.turns.succeeded(&turned, now);
        self.reporter.turn_succeeded(turned.reclaimed_leases, now);
        self.reporter.failures_in_row(self.holds.failures_in_row(now));
        for (pending, settled) in self.settlements.turn_succeeded(turned.settled) {
            self.reporter.settled(&pending, settled, now);
        }
        self.reporter.dead_letters(&turned.dead_letters);
        for claimed in turned.claimed {
            match self.claims.apply(&claimed, self.turns.requested(), now) {
                Claim::Deliver(claimed_entry) => self.start_delivery(claimed_entry, claimed),
                Claim::GiveBack(claimed_entry) => {
                    self.settlements.push(PendingSettlement::give_back(claimed_entry, HoldChange::Keep));
                }
                Claim::Expired => self.reporter.delivery_lost(),
            }
        }
    }

    fn start_delivery(&mut self, claimed_entry: ClaimedEntry, claimed: Claimed) {
        self.holds.claimed(&claimed_entry);
        let timeout = self.options.attempt_timeout();
        let delivery = Delivery::new(self.outbox.clone(), claimed.entry, claimed.request, timeout);
        let task = self.deliveries.start(delivery);
        self.reporter.claimed(&claimed_entry);
        self.leases.insert(task, claimed_entry);
        self.reporter.in_flight(&self.leases);
    }

    fn collect_results(&mut self) {
        while let Some((task, result)) = self.deliveries.try_finished() {
            self.delivery_finished(task, result);
        }
    }

    fn delivery_finished(&mut self, task: Id, result: DeliveryResult) {
        let Some(claimed_entry) = self.leases.remove(task) else { return };
        let now = Instant::now();
        match result {
            DeliveryResult::Attempted(result) => self.attempted(claimed_entry, *result, now),
            DeliveryResult::Panicked(text) => {
                let result = AttemptResult::new(Outcome::Ambiguous, claimed_entry.received()).local();
                self.attempted(claimed_entry, result.with_text(&text), now);
            }
            DeliveryResult::Stopped => {
                self.settlements.push(PendingSettlement::give_back(claimed_entry, HoldChange::Keep));
            }
            DeliveryResult::RefusedByStack => {
                self.claims.pause().refused(now, self.rng.f64());
                self.settlements.push(PendingSettlement::give_back(claimed_entry, HoldChange::Keep));
            }
            DeliveryResult::MissingSealing(fault) => {
                self.reporter.missing_sealing(&fault);
                self.claims.pause().refused(now, self.rng.f64());
                self.settlements.push(PendingSettlement::give_back(claimed_entry, HoldChange::Keep));
            }
            DeliveryResult::FailedBeforeClient(fault) => {
                if !claimed_entry.is_probe() {
                    self.claims.pause().failed_before_client(now, self.rng.f64());
                }
                let hold = Holds::after_failure_before_client(&claimed_entry, &fault, self.rng.f64());
                self.settlements.push(PendingSettlement::give_back(claimed_entry, hold));
            }
            DeliveryResult::LeaseLost => self.reporter.delivery_lost(),
        }
        self.reporter.in_flight(&self.leases);
    }

    fn attempted(&mut self, claimed_entry: ClaimedEntry, result: AttemptResult, now: Instant) {
        if !result.is_local() {
            self.claims.pause().attempted();
        }
        let hold = self.holds.after_attempt(&claimed_entry, &result, now, &mut self.rng);
        self.reporter.failures_in_row(self.holds.failures_in_row(now));
        let random = self.rng.f64();
        let end = policy::end_of_attempt(self.options.backoff(), claimed_entry.entry(), &result, random);
        self.reporter.attempted(&claimed_entry, &result, end == End::Done);
        self.settlements.push(PendingSettlement::after_attempt(claimed_entry, result, end, hold));
    }

    fn heartbeat_finished(&mut self, renewed: Result<Vec<bool>, StoreError>) {
        match renewed {
            Ok(renewed) => {
                for lost in self.leases.heartbeat_succeeded(renewed) {
                    self.reporter.lease_rejected(&lost);
                    self.deliveries.cancel(lost.task());
                }
            }
            Err(error) => {
                self.reporter.store_failed();
                self.leases.heartbeat_failed(&error, Instant::now(), self.rng.f64());
            }
        }
    }

    fn prune_finished(&mut self, deleted: Result<u64, StoreError>) {
        match deleted {
            Ok(deleted) => self.pruning.succeeded(deleted, Instant::now()),
            Err(error) => {
                self.reporter.store_failed();
                self.pruning.failed(&error, Instant::now(), self.rng.f64());
            }
        }
    }
}

/// Waits for the store to notify of a change. `false` if it notifies no more.
async fn changed(changes: &mut Option<watch::Receiver<u64>>) -> bool {
    match changes {
        Some(changes) => changes.changed().await.is_ok(),
        None => pending().await,
    }
}
