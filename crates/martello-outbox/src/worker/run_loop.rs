//! The one task of a worker: it asks the store, sends off deliveries, and settles what result of them.

use std::{collections::HashMap, pin::pin, time::Duration};

use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::Instant,
};

use super::{
    WorkerMonitor, WorkerOptions, WorkerPhase,
    delivery::{Delivery, Stop},
    failure_backoff::FailureBackoff,
    in_flight::{InFlight, PendingSettlement},
    leases::Heartbeat,
    pace::Pace,
    store_op::StoreOp,
    turns::Asked,
};
use crate::{Outbox, Store, Watch, WorkerId};

/// How long a shutdown leaves to the store after the last delivery.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// How often a worker deletes what is old, and how much at once; where there is more, it goes on after a second.
const PRUNE: (Duration, Duration, usize) = (Duration::from_secs(60), Duration::from_secs(1), 1_000);

pub(super) struct RunLoop {
    pub(super) outbox: Outbox,
    pub(super) options: WorkerOptions,
    pub(super) monitor: WorkerMonitor,
    pub(super) worker: WorkerId,
    pub(super) random: fastrand::Rng,
    pub(super) pace: Pace,
    /// Whether it has said that it is not set up for what is in its queue.
    pub(super) said_unable: bool,
    pub(super) deliveries: JoinSet<super::delivery_result::DeliveryResult>,
    pub(super) in_flight: HashMap<Id, InFlight>,
    /// What is not settled yet: at most as many as may be in in_flight.
    pub(super) pending: Vec<PendingSettlement>,
    pub(super) stop: watch::Sender<Stop>,
    pub(super) asked: Asked,
    pub(super) heartbeat: Heartbeat,
    /// When the store is to be asked for more, if there is room for it.
    pub(super) look_at: Instant,
    pub(super) turns: FailureBackoff,
    pub(super) heartbeats: FailureBackoff,
    prunes: FailureBackoff,
    prune_at: Instant,
    draining: Option<Draining>,
}

/// The way to the end.
struct Draining {
    /// When what is on the wire is dropped.
    grace: Instant,
    /// When nothing more is waited for.
    end: Instant,
}

impl RunLoop {
    pub(super) fn new(outbox: Outbox, options: WorkerOptions, monitor: WorkerMonitor) -> Self {
        let mut random = options.random();
        let now = Instant::now();
        Self {
            pace: Pace::new(outbox.settings.concurrency, options.hold_after, options.attempt_timeout),
            said_unable: false,
            worker: options.worker(&mut random),
            outbox,
            options,
            monitor,
            random,
            deliveries: JoinSet::new(),
            in_flight: HashMap::new(),
            pending: Vec::new(),
            stop: watch::Sender::new(Stop::No),
            asked: Asked::nothing(now),
            heartbeat: Heartbeat::none(now),
            look_at: now,
            turns: FailureBackoff::new("to take a worker's turn"),
            heartbeats: FailureBackoff::new("to renew leases"),
            prunes: FailureBackoff::new("to delete what is old"),
            prune_at: now,
            draining: None,
        }
    }

    /// Runs until `stop` has ended and what was under way is settled.
    pub(super) async fn run<D>(
        mut self,
        send: impl Fn(Delivery, watch::Receiver<Stop>) -> D,
        stop: impl Future,
    ) where
        D: Future<Output = super::delivery_result::DeliveryResult> + Send + 'static,
    {
        let outbox = self.outbox.clone();
        let store: &dyn Store = &*outbox.store;
        let mut ready = Some(store.watch(Watch::Ready));
        let mut stop = pin!(stop);
        let (mut turn, mut heartbeat, mut prune) = (StoreOp::empty(), StoreOp::empty(), StoreOp::empty());
        let _ended = Ended::after(&self.monitor);
        while !self.is_over(turn.is_empty()) {
            if turn.is_empty() && self.turn_at(Instant::now()).is_some_and(|at| at <= Instant::now()) {
                // What ends in the same breath is settled in the same turn; and a store that always has more lets the
                // other tasks run.
                tokio::task::yield_now().await;
                self.gather();
                if let Some(ready) = &mut ready {
                    ready.mark_unchanged();
                }
                turn.begin(store.turn(self.ask()), self.options.lease);
            }
            if heartbeat.is_empty()
                && let Some(leases) = self.leases_to_renew()
            {
                heartbeat.begin(store.heartbeat(leases, self.options.lease), self.options.lease / 3);
            }
            if prune.is_empty() && self.prune_is_due() {
                prune.begin(store.prune(self.options.retention, PRUNE.2), self.options.lease);
            }
            let wake_at = self.wake_at([turn.is_empty(), heartbeat.is_empty(), prune.is_empty()]);
            tokio::select! {
                Some(joined) = self.deliveries.join_next_with_id() => self.joined(joined),
                turned = turn.ended() => self.turned(turned, &send),
                renewed = heartbeat.ended() => self.renewed(renewed),
                pruned = prune.ended() => self.pruned(pruned),
                news = news(&mut ready) => match news {
                    true => self.heard_of_news(),
                    // It says no more; what is new is found by polling.
                    false => ready = None,
                },
                _ = &mut stop, if self.draining.is_none() => self.drain(),
                () = tokio::time::sleep_until(wake_at) => {}
            }
            self.gather();
            self.watch_the_clock();
        }
        self.say_what_is_left();
    }

    /// Whether nothing is left to do.
    fn is_over(&self, idle: bool) -> bool {
        let Some(draining) = &self.draining else { return false };
        let done = idle && self.deliveries.is_empty() && self.pending.is_empty();
        done || draining.end <= Instant::now()
    }

    /// Takes in whatever has ended.
    fn gather(&mut self) {
        while let Some(joined) = self.deliveries.try_join_next_with_id() {
            self.joined(joined);
        }
    }

    fn watch_the_clock(&mut self) {
        let now = Instant::now();
        self.drop_lost(now);
        let Some(draining) = &mut self.draining else { return };
        if self.deliveries.is_empty() {
            draining.end = draining.end.min(now + SETTLE_WITHIN);
        }
        if draining.grace <= now {
            self.stop.send_replace(Stop::Now);
        }
    }

    /// When there is something to do although nothing has happened. What is being done already, the end of which is
    /// waited for anyway, is no reason to wake.
    fn wake_at(&self, [turn, heartbeat, prune]: [bool; 3]) -> Instant {
        let now = Instant::now();
        let draining = self.draining.as_ref().map(|draining| match draining.grace > now {
            true => draining.grace.min(draining.end),
            false => draining.end,
        });
        let moments = [
            self.turn_at(now).filter(|_| turn),
            self.renew_at(now).filter(|_| heartbeat),
            Some(self.prune_at).filter(|_| prune && self.draining.is_none()),
            self.pace.resting(now),
            self.lost_at(),
            draining,
        ];
        moments.into_iter().flatten().fold(now + self.options.lease, Instant::min)
    }

    /// Begins to come to an end.
    fn drain(&mut self) {
        let grace = Instant::now() + self.options.grace();
        self.draining = Some(Draining { grace, end: grace + SETTLE_WITHIN });
        self.stop.send_replace(Stop::Unsent);
        self.monitor.update(|health| health.phase = WorkerPhase::Draining);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.is_some()
    }

    fn say_what_is_left(&mut self) {
        let left = self.pending.len() + self.deliveries.len();
        if left > 0 {
            tracing::warn!(
                left,
                "a worker of the outbox ended before the store had heard of all that it did: what it had is another's \
                 when its leases have run out"
            );
        }
    }

    fn prune_is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self.prune_at <= now && self.draining.is_none();
        if due {
            self.prune_at = now + PRUNE.0.mul_f64(0.75 + self.random.f64() / 2.0);
        }
        due
    }

    fn pruned(&mut self, pruned: Result<u64, crate::StoreError>) {
        match pruned {
            Ok(count) => {
                self.prunes.passed();
                if usize::try_from(count).is_ok_and(|count| count >= PRUNE.2) {
                    self.prune_at = Instant::now() + PRUNE.1;
                }
            }
            Err(error) => {
                self.monitor.update(|health| health.store_failures += 1);
                self.prunes.failed(&error, Instant::now(), self.random.f64());
            }
        }
    }
}

/// Whether there may be something new; if not, nobody will say so any more.
async fn news(ready: &mut Option<watch::Receiver<u64>>) -> bool {
    match ready {
        Some(ready) => ready.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}

/// Says at its drop that the worker has ended, however it did.
struct Ended(WorkerMonitor);

impl Ended {
    fn after(monitor: &WorkerMonitor) -> Self {
        monitor.update(|health| health.phase = WorkerPhase::Running);
        Self(monitor.clone())
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.update(|health| {
            health.phase = WorkerPhase::Stopped;
            health.in_flight = 0;
            health.probing = false;
        });
    }
}
