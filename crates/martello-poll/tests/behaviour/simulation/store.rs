use std::time::Duration;

use martello_poll::{
    Acquired, CheckpointFuture, CheckpointStore, Fence, MemoryCheckpoint, Parked, ParkedFilter, ParkedId,
    Save, Saved,
};

use super::{history::OVERLAP, server::World};

/// A store that takes a while before and after each operation, so that a crash may find it done or not, and
/// that looks at what is saved.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) store: MemoryCheckpoint,
    pub(super) world: World,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

fn slow<'a, T: Send + 'a>(operation: CheckpointFuture<'a, T>) -> CheckpointFuture<'a, T> {
    Box::pin(async move {
        tokio::task::yield_now().await;
        let result = operation.await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        result
    })
}

impl Watched {
    /// What lies before the next pass, and what had appeared before the watermark, has been processed.
    fn check(&self, save: &Save) {
        let Some(watermark) = save.checkpoint.watermark else { return };
        let mut seen = self.world.seen.lock().unwrap();
        let records = &self.world.history.records;
        let now = self.world.now();
        for record in records {
            let (stamp, appeared) = (self.world.time(record.at), self.world.time(record.appears()));
            let left_behind = stamp < watermark - Duration::from_millis(OVERLAP);
            let replaced = |other: &&super::Record| {
                other.key == record.key && other.at > record.at && other.appears() <= now
            };
            let processed = seen.processed.contains_key(&(format!("k{}", record.key), record.at));
            if (left_behind || appeared <= watermark)
                && !processed
                && !records.iter().any(|other| replaced(&other))
            {
                seen.violations
                    .push(format!("the watermark {watermark} is saved before {record:?} was processed"));
            }
        }
    }
}

impl CheckpointStore for Watched {
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired> {
        slow(self.store.acquire(lease))
    }

    fn renew(&self, fence: Fence, lease: Duration) -> CheckpointFuture<'_, bool> {
        slow(self.store.renew(fence, lease))
    }

    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved> {
        self.check(&save);
        slow(self.store.save(fence, save))
    }

    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()> {
        slow(self.store.release(fence))
    }

    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>> {
        slow(self.store.parked(filter))
    }

    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        slow(self.store.redeliver(ids))
    }

    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        slow(self.store.discard(ids))
    }
}
