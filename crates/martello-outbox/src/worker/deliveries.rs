use std::{any::Any, collections::HashMap, future::pending};

use tokio::{
    sync::{oneshot, watch},
    task::{Id, JoinError, JoinSet},
};
use tracing::Instrument;

use super::{
    delivery::{Delivery, while_leased},
    delivery_result::DeliveryResult,
    stop::StopLevel,
};

/// The tasks that deliver entries. Dropping it aborts them.
pub(super) struct Deliveries<F> {
    make_delivery: F,
    tasks: JoinSet<DeliveryResult>,
    /// Cancels the delivery of each task.
    lease_lost: HashMap<Id, oneshot::Sender<()>>,
    stop: watch::Sender<StopLevel>,
}

impl<F, D> Deliveries<F>
where
    F: Fn(Delivery, watch::Receiver<StopLevel>) -> D,
    D: Future<Output = DeliveryResult> + Send + 'static,
{
    /// Deliveries that `make_delivery` makes.
    pub(super) fn new(make_delivery: F) -> Self {
        Self {
            make_delivery,
            tasks: JoinSet::new(),
            lease_lost: HashMap::new(),
            stop: watch::Sender::new(StopLevel::Continue),
        }
    }

    pub(super) fn start(&mut self, delivery: Delivery) -> Id {
        let entry = delivery.entry();
        let (id, attempt) = (entry.id, entry.attempts);
        let span = tracing::info_span!("delivery", %id, attempt, queue = %entry.queue);
        let (lease_lost, lost) = oneshot::channel();
        let delivery = while_leased((self.make_delivery)(delivery, self.stop.subscribe()), lost);
        let task = self.tasks.spawn(delivery.instrument(span)).id();
        self.lease_lost.insert(task, lease_lost);
        task
    }

    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Waits for the next result; forever if no delivery runs.
    pub(super) async fn finished(&mut self) -> (Id, DeliveryResult) {
        match self.tasks.join_next_with_id().await {
            Some(joined) => self.joined(joined),
            None => pending().await,
        }
    }

    /// A result that is there already.
    pub(super) fn try_finished(&mut self) -> Option<(Id, DeliveryResult)> {
        let joined = self.tasks.try_join_next_with_id()?;
        Some(self.joined(joined))
    }

    /// Cancels a delivery whose lease is lost.
    pub(super) fn cancel(&mut self, task: Id) {
        if let Some(lease_lost) = self.lease_lost.remove(&task) {
            // A delivery that has just ended does not receive it; the store fences its settlement.
            let _ = lease_lost.send(());
        }
    }

    /// Sets what all deliveries have to do.
    pub(super) fn set_stop(&self, level: StopLevel) {
        self.stop.send_if_modified(|stop| std::mem::replace(stop, level) != level);
    }

    fn joined(&mut self, joined: Result<(Id, DeliveryResult), JoinError>) -> (Id, DeliveryResult) {
        let (task, result) = joined.unwrap_or_else(|error| (error.id(), unfinished(error)));
        self.lease_lost.remove(&task);
        (task, result)
    }
}

fn unfinished(error: JoinError) -> DeliveryResult {
    match error.try_into_panic() {
        Ok(panic) => DeliveryResult::Panicked(format!("the service panicked: {}", message(&*panic))),
        // It was aborted from outside, so that nothing goes on under its lease.
        Err(_) => DeliveryResult::LeaseLost,
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{MemoryStore, Outbox, worker::test_support::claimed};

    fn delivery(url: &str) -> Delivery {
        let claimed = claimed(url, 0);
        let outbox = Outbox::new(MemoryStore::new());
        Delivery::new(outbox, claimed.entry, claimed.request, Duration::from_secs(30))
    }

    #[tokio::test]
    async fn a_delivery_whose_lease_is_lost_is_cancelled() {
        let mut deliveries = Deliveries::new(|_, _| pending());
        let (kept, lost) = (
            deliveries.start(delivery("http://a.example/")),
            deliveries.start(delivery("http://a.example/")),
        );
        deliveries.cancel(lost);
        let (task, result) = deliveries.finished().await;
        assert!(task == lost && matches!(result, DeliveryResult::LeaseLost), "{result:?}");
        assert!(deliveries.try_finished().is_none() && !deliveries.is_empty() && kept != lost);
    }

    #[tokio::test]
    async fn a_panic_is_a_result_with_its_message() {
        let mut deliveries = Deliveries::new(|_, _| async { panic!("out of luck") });
        let started = deliveries.start(delivery("http://a.example/"));
        let (task, DeliveryResult::Panicked(text)) = deliveries.finished().await else { panic!() };
        assert!(task == started && text.ends_with("out of luck"), "{text}");
        assert_eq!(deliveries.len(), 0);
    }

    #[tokio::test]
    async fn all_deliveries_see_the_stop() {
        let mut deliveries = Deliveries::new(|_, mut stop: watch::Receiver<StopLevel>| async move {
            stop.wait_for(|stop| *stop >= StopLevel::StopIfUnsent).await.unwrap();
            DeliveryResult::Stopped
        });
        for _ in 0..2 {
            deliveries.start(delivery("http://a.example/"));
        }
        tokio::task::yield_now().await;
        assert!(deliveries.try_finished().is_none());
        deliveries.set_stop(StopLevel::StopIfUnsent);
        for _ in 0..2 {
            let (_, result) = deliveries.finished().await;
            assert!(matches!(result, DeliveryResult::Stopped));
        }
    }
}
