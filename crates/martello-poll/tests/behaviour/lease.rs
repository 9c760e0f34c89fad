use std::time::Duration;

use martello_poll::{
    Acquired, CheckpointStore, Event, Fence, MemoryCheckpoint, Parked, ParkedFilter, ParkedId, PollErrorKind,
    Poller, Save, Saved, StoreError, StoreErrorKind, StoreFuture,
};

use crate::support::{Seen, Server, batch, item, next, options, page, poller, source};

/// A store whose leases cannot be renewed.
#[derive(Debug)]
struct NoRenewal(MemoryCheckpoint);

impl CheckpointStore for NoRenewal {
    fn acquire(&self, lease: Duration) -> StoreFuture<'_, Acquired> {
        self.0.acquire(lease)
    }

    fn renew(&self, _: Fence, _: Duration) -> StoreFuture<'_, bool> {
        Box::pin(async { Err(StoreError::new(StoreErrorKind::Unavailable, "the store cannot be reached")) })
    }

    fn save(&self, fence: Fence, save: Save) -> StoreFuture<'_, Saved> {
        self.0.save(fence, save)
    }

    fn release(&self, fence: Fence) -> StoreFuture<'_, ()> {
        self.0.release(fence)
    }

    fn parked(&self, filter: ParkedFilter) -> StoreFuture<'_, Vec<Parked>> {
        self.0.parked(filter)
    }

    fn emit_again(&self, ids: Vec<ParkedId>) -> StoreFuture<'_, u64> {
        self.0.emit_again(ids)
    }

    fn discard(&self, ids: Vec<ParkedId>) -> StoreFuture<'_, u64> {
        self.0.discard(ids)
    }
}

fn server() -> Server {
    Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""))
}

#[tokio::test(start_paused = true)]
async fn who_lost_the_lease_saves_nothing_and_the_other_delivers_again() {
    let store = MemoryCheckpoint::default();
    let mut one = Poller::new(server(), source(), NoRenewal(store.clone())).with_options(options());
    let Some(Event::Batch(late)) = one.next().await.unwrap() else { panic!() };
    tokio::time::sleep(Duration::from_secs(61)).await;

    let mut two = poller(&server(), &store);
    let Some(Event::Batch(again)) = two.next().await.unwrap() else { panic!() };
    assert_eq!(again.items()[0].key(), "a");

    late.reject(&late.items()[0].clone(), "no");
    assert_eq!(late.ack().await.unwrap_err().kind(), PollErrorKind::LeaseLost);
    assert_eq!(store.checkpoint(), None);
    assert!(store.parked(ParkedFilter::default()).await.unwrap().is_empty());
    assert_eq!(next(&mut one).await, Seen::Failed(PollErrorKind::HeldElsewhere, Duration::from_secs(20)));

    again.ack().await.unwrap();
    assert_eq!(next(&mut two).await, Seen::CaughtUp(1));
    assert!(store.checkpoint().unwrap().watermark.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_found_lost_is_told_before_anything_else_is_done() {
    let store = MemoryCheckpoint::default();
    let server = server();
    let mut one = poller(&server, &store);
    assert_eq!(next(&mut one).await, batch(&["a"]));
    // Somebody takes it by force, and gives it up.
    store.release(Fence(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(next(&mut one).await, Seen::Failed(PollErrorKind::LeaseLost, Duration::from_secs(1)));
    assert_eq!(next(&mut one).await, Seen::CaughtUp(0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_the_user_works() {
    let store = MemoryCheckpoint::default();
    let mut one = poller(&server(), &store);
    let Some(Event::Batch(slow)) = one.next().await.unwrap() else { panic!() };
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(matches!(store.acquire(Duration::from_secs(60)).await.unwrap(), Acquired::Elsewhere));
    slow.ack().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_other_has_processed_meanwhile_is_not_delivered_again() {
    let store = MemoryCheckpoint::default();
    let server = server();
    let mut one = poller(&server, &store);
    drop(one.next().await.unwrap());
    store.release(Fence(1)).await.unwrap();
    let mut two = poller(&server, &store);
    assert_eq!(next(&mut two).await, batch(&["a"]));
    two.stopper().stop();
    assert_eq!(next(&mut two).await, Seen::Stopped);
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(next(&mut one).await, Seen::Failed(PollErrorKind::LeaseLost, Duration::from_secs(1)));
    assert_eq!(next(&mut one).await, Seen::CaughtUp(0));
}
