use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Acquired, Checkpoint, CheckpointError, CheckpointFuture, CheckpointStore, Fence, Held, Parked,
    ParkedFilter, ParkedId, Save, Saved, parked::ParkedItems,
};

/// A checkpoint in memory, for tests, and for a poll that may start over with its process. A clone is the
/// same checkpoint. Its leases use tokio's clock.
///
/// ```
/// use std::time::Duration;
/// use martello_poll::{Acquired, CheckpointStore, MemoryCheckpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), martello_poll::CheckpointError> {
/// let checkpoint = MemoryCheckpoint::default();
/// let lease = Duration::from_secs(60);
/// assert!(matches!(checkpoint.acquire(lease).await?, Acquired::Held(_)));
/// assert!(matches!(checkpoint.clone().acquire(lease).await?, Acquired::HeldElsewhere));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryCheckpoint(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last_fence: u64,
    held: Option<(Fence, Instant)>,
    checkpoint: Option<Checkpoint>,
    parked_items: ParkedItems,
}

impl State {
    fn is_held_by(&self, fence: Fence) -> bool {
        self.held.is_some_and(|(held, _)| held == fence)
    }
}

impl MemoryCheckpoint {
    /// The checkpoint that was saved last.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.state().checkpoint.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A future that runs `work` when it is polled.
fn now<'a, T: Send>(
    work: impl FnOnce() -> Result<T, CheckpointError> + Send + 'a,
) -> CheckpointFuture<'a, T> {
    Box::pin(async move { work() })
}

impl CheckpointStore for MemoryCheckpoint {
    fn acquire(&self, lease: Duration) -> CheckpointFuture<'_, Acquired> {
        now(move || {
            let mut state = self.state();
            let now = Instant::now();
            if state.held.is_some_and(|(_, until)| until > now) {
                return Ok(Acquired::HeldElsewhere);
            }
            state.last_fence += 1;
            let fence = Fence(state.last_fence);
            state.held = Some((fence, now + lease));
            Ok(Acquired::Held(Held { fence, checkpoint: state.checkpoint.clone() }))
        })
    }

    fn renew(&self, fence: Fence, lease: Duration) -> CheckpointFuture<'_, bool> {
        now(move || {
            let mut state = self.state();
            let held = state.is_held_by(fence);
            if held {
                state.held = Some((fence, Instant::now() + lease));
            }
            Ok(held)
        })
    }

    fn save(&self, fence: Fence, save: Save) -> CheckpointFuture<'_, Saved> {
        now(move || {
            let mut state = self.state();
            if !state.is_held_by(fence) {
                return Ok(Saved::Fenced);
            }
            let mut parked_items = state.parked_items.clone();
            if !parked_items.change(&save.unpark, save.park) {
                return Err(CheckpointError::full());
            }
            state.parked_items = parked_items;
            state.checkpoint = Some(save.checkpoint);
            Ok(Saved::Saved)
        })
    }

    fn release(&self, fence: Fence) -> CheckpointFuture<'_, ()> {
        now(move || {
            let mut state = self.state();
            if state.is_held_by(fence) {
                state.held = None;
            }
            Ok(())
        })
    }

    fn parked(&self, filter: ParkedFilter) -> CheckpointFuture<'_, Vec<Parked>> {
        now(move || Ok(self.state().parked_items.list(filter)))
    }

    fn redeliver(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        now(move || Ok(self.state().parked_items.redeliver(&ids)))
    }

    fn discard(&self, ids: Vec<ParkedId>) -> CheckpointFuture<'_, u64> {
        now(move || Ok(self.state().parked_items.discard(&ids)))
    }
}
