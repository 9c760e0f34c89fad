//! Measurements through the `metrics` facade.

use std::{pin::pin, time::Duration};

use jiff::Timestamp;
use martello_outcome::Outcome;
use metrics::{Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::{Entry, QueueName, QueueStats, State, Store};

const ENTRIES: &str = "martello.outbox.entries";
const OLDEST_DUE: &str = "martello.outbox.oldest_due";
const IN_FLIGHT: &str = "martello.outbox.in_flight";
const CAP: &str = "martello.outbox.cap";
const PICKUP_DURATION: &str = "martello.outbox.pickup.duration";
const DELIVERY_DURATION: &str = "martello.outbox.delivery.duration";
const ATTEMPTS: &str = "martello.outbox.attempts";
const DEAD_IN: &str = "martello.outbox.dead.in";
const DEAD_OUT: &str = "martello.outbox.dead.out";
const FENCED: &str = "martello.outbox.fenced";
const LOST_LEASES: &str = "martello.outbox.lost_leases";

/// How often a worker updates the gauges of its queue.
const UPDATE_INTERVAL: Duration = Duration::from_secs(15);

/// How long the store may take to return the numbers for them.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(15);

/// Describes the metrics and their units to the installed recorder. Call it once, after you install the
/// recorder.
pub fn describe_metrics() {
    describe_gauge!(ENTRIES, Unit::Count, "entries by state");
    describe_gauge!(OLDEST_DUE, Unit::Seconds, "how long the oldest due entry has been due");
    describe_gauge!(IN_FLIGHT, Unit::Count, "deliveries in flight in this process");
    describe_gauge!(CAP, Unit::Count, "how many entries may be leased at once, in all processes");
    describe_histogram!(PICKUP_DURATION, Unit::Seconds, "from the due time of an entry to its claim");
    describe_histogram!(DELIVERY_DURATION, Unit::Seconds, "from storing an entry to its delivery");
    describe_counter!(ATTEMPTS, Unit::Count, "attempts by outcome");
    describe_counter!(DEAD_IN, Unit::Count, "entries that became dead letters, by reason");
    describe_counter!(DEAD_OUT, Unit::Count, "dead letters that were replayed and delivered");
    describe_counter!(FENCED, Unit::Count, "results that arrived after their lease was lost");
    describe_counter!(LOST_LEASES, Unit::Count, "leases that expired and were reclaimed");
}

pub(crate) fn picked_up(queue: &QueueName, after: Duration) {
    histogram!(PICKUP_DURATION, of(queue)).record(after);
}

pub(crate) fn attempted(queue: &QueueName, outcome: Outcome) {
    counter!(ATTEMPTS, of_one(queue, "outcome", outcome.as_str())).increment(1);
}

/// Records the delivery of an entry, with its state at the claim.
pub(crate) fn delivered(entry: &Entry, now: Timestamp) {
    let after = Duration::try_from(now.duration_since(entry.created_at)).unwrap_or_default();
    histogram!(DELIVERY_DURATION, of(&entry.queue)).record(after);
    if entry.reason.is_some() {
        counter!(DEAD_OUT, of(&entry.queue)).increment(1);
    }
}

pub(crate) fn dead_lettered(entry: &Entry) {
    let reason = entry.reason.map_or("", crate::Reason::as_str);
    counter!(DEAD_IN, of_one(&entry.queue, "reason", reason)).increment(1);
}

pub(crate) fn fenced(queue: &QueueName) {
    counter!(FENCED, of(queue)).increment(1);
}

pub(crate) fn lost_leases(queue: &QueueName, leases: usize) {
    if let Ok(leases @ 1..) = u64::try_from(leases) {
        counter!(LOST_LEASES, of(queue)).increment(leases);
    }
}

/// Counts a delivery as in flight until it is dropped.
pub(crate) struct InFlightGauge(Vec<Label>);

impl InFlightGauge {
    pub(crate) fn one(queue: &QueueName) -> Self {
        let labels = of(queue);
        gauge!(IN_FLIGHT, labels.clone()).increment(1.0);
        Self(labels)
    }

    pub(crate) async fn during<T>(self, delivery: impl Future<Output = T>) -> T {
        let _under_way = self;
        delivery.await
    }
}

impl Drop for InFlightGauge {
    fn drop(&mut self) {
        gauge!(IN_FLIGHT, self.0.clone()).decrement(1.0);
    }
}

/// Updates the gauges of a queue every 15 s while its worker runs.
pub(crate) async fn update_gauges_during<T>(
    store: &dyn Store,
    queue: &QueueName,
    cap: usize,
    run: impl Future<Output = T>,
) -> T {
    let mut run = pin!(run);
    let mut update = pin!(update_gauges(store, queue, cap));
    tokio::select! {
        biased;
        ended = &mut run => ended,
        () = &mut update => run.await,
    }
}

/// Updates the gauges of a queue every 15 s. It never returns.
async fn update_gauges(store: &dyn Store, queue: &QueueName, cap: usize) {
    let cap = u32::try_from(cap).unwrap_or(u32::MAX);
    loop {
        gauge!(CAP, of(queue)).set(cap);
        // The worker logs a store that fails. The gauges keep their values.
        if let Ok(Ok(queues)) = tokio::time::timeout(UPDATE_TIMEOUT, store.queues()).await
            && let Some(stats) = queues.iter().find(|stats| stats.queue == *queue)
        {
            set_gauges(stats);
        }
        tokio::time::sleep(UPDATE_INTERVAL).await;
    }
}

fn set_gauges(stats: &QueueStats) {
    for (state, entries) in [
        (State::Ready, stats.ready),
        (State::Leased, stats.leased),
        (State::Done, stats.done),
        (State::Dead, stats.dead),
        (State::Cancelled, stats.cancelled),
    ] {
        let labels = of_one(&stats.queue, "state", state.as_str());
        #[expect(clippy::cast_precision_loss, reason = "an f64 is exact up to 2^53 entries")]
        gauge!(ENTRIES, labels).set(entries as f64);
    }
    gauge!(OLDEST_DUE, of(&stats.queue)).set(stats.oldest_due.unwrap_or_default());
}

fn of(queue: &QueueName) -> Vec<Label> {
    vec![Label::new("queue", queue.as_str().to_owned())]
}

fn of_one(queue: &QueueName, name: &'static str, word: &'static str) -> Vec<Label> {
    let mut labels = of(queue);
    labels.push(Label::from_static_parts(name, word));
    labels
}
