use std::{sync::Mutex, time::Duration};

use martello_poll::{
    Acquired, CheckpointError, CheckpointErrorKind, CheckpointFuture, CheckpointStore, Event, Fence,
    MemoryCheckpoint, Parked, ParkedFilter, ParkedId, PollErrorKind, Poller, Save, Saved,
};

use crate::support::{Seen, Server, batch, item, next, options, page, poller, source};

/// A store whose leases cannot be renewed, and which is neither acquired nor saved before it has failed in
/// all these ways.
#[derive(Debug)]
struct Failing {
    store: MemoryCheckpoint,
    acquire: Mutex<Vec<CheckpointErrorKind>>,
    save: Mutex<Vec<CheckpointErrorKind>>,
}

impl Failing {
    fn no_renewal(store: &MemoryCheckpoint) -> Self {
        Self { store: store.clone(), acquire: Mutex::default(), save: Mutex::default() }
    }

    fn no_lease(failures: impl Into<Vec<CheckpointErrorKind>>) -> Self {
        let (store, acquire) = (MemoryCheckpoint::default(), Mutex::new(failures.into()));
        Self { store, acquire, save: Mutex::default() }
    }

    fn no_save(failures: impl Into<Vec<CheckpointErrorKind>>) -> Self {
        Self { save: Mutex::new(failures.into()), ..Self::no_lease([]) }
    }
}

fn down<'a, T: Send + 'a>(kind: CheckpointErrorKind) -> CheckpointFuture<'a, T> {
    Box::pin(std::future::ready(Err(CheckpointError::new(kind, "the store has failed"))))
}

impl CheckpointStore for Failing {
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired> {
        self.acquire.lock().unwrap().pop().map_or_else(|| self.store.acquire(lease), down)
    }

    fn renew(&self, _: Fence, _: Duration) -> CheckpointFuture<'_, bool> {
        down(CheckpointErrorKind::Unavailable)
    }

    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved> {
        self.save.lock().unwrap().pop().map_or_else(|| self.store.save(fence, save), down)
    }

    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()> {
        self.store.release(fence)
    }

    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>> {
        self.store.parked(filter)
    }

    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        self.store.redeliver(ids)
    }

    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        self.store.discard(ids)
    }
}

fn server() -> Server {
    Server::new(|_| page("10:00:00", &item("a", "09:59:00"), ""))
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_or_full_does_not_end_a_poll_and_one_that_cannot_be_used_does() {
    let (down, full) = (CheckpointErrorKind::Unavailable, CheckpointErrorKind::Full);
    let store = Failing::no_lease([full, down]);
    let mut poller = Poller::new(server(), source(), store).with_options(options());
    for wait in [1, 2] {
        let failed = Seen::Failed(PollErrorKind::Checkpoint, Duration::from_secs(wait));
        assert_eq!(next(&mut poller).await, failed);
    }
    assert_eq!(next(&mut poller).await, batch(&["a"]));

    let store = Failing::no_lease([CheckpointErrorKind::Unusable]);
    let error = Poller::new(server(), source(), store).next().await.unwrap_err();
    assert_eq!(error.kind(), PollErrorKind::Unusable);
    assert_eq!(error.checkpoint_error().unwrap().kind(), CheckpointErrorKind::Unusable);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_before_the_start_is_kept() {
    let (server, store) = (server(), Failing::no_save([CheckpointErrorKind::Unavailable]));
    let source = source().everything_from("2024-11-29T09:00:00Z".parse().unwrap());
    let mut poller = Poller::new(server.clone(), source, store).with_options(options());
    assert!(matches!(next(&mut poller).await, Seen::Failed(PollErrorKind::Checkpoint, _)));
    assert!(server.asked().is_empty());
    assert_eq!(next(&mut poller).await, batch(&["a"]));
}

#[tokio::test(start_paused = true)]
async fn who_lost_the_lease_saves_nothing_and_the_other_delivers_again() {
    let store = MemoryCheckpoint::default();
    let mut one = Poller::new(server(), source(), Failing::no_renewal(&store)).with_options(options());
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
    // Another holder takes the lease by force, and releases it.
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
    assert!(matches!(store.acquire(Duration::from_secs(60)).await.unwrap(), Acquired::HeldElsewhere));
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
