use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{CheckpointStore, Fence};

/// A held checkpoint, and a task that renews its lease. Dropping it ends the task, and the lease expires.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) fence: Fence,
    lost: Arc<AtomicBool>,
    _renewal: JoinSet<()>,
}

impl Lease {
    /// The task does not keep the store alive: dropping the poller closes it.
    pub(super) fn new(store: &Arc<dyn CheckpointStore>, fence: Fence, lease: Duration) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let mut renewal = JoinSet::new();
        let (set_lost, store) = (lost.clone(), Arc::downgrade(store));
        renewal.spawn(async move {
            loop {
                tokio::time::sleep(lease / 3).await;
                let Some(store) = store.upgrade() else { return };
                // If the store cannot be reached, the task tries again. If the lease expires meanwhile, the
                // fence protects.
                if let Ok(false) = store.renew(fence, lease).await {
                    set_lost.store(true, Ordering::Release);
                    return;
                }
            }
        });
        Self { fence, lost, _renewal: renewal }
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}
