use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::OrderKey;

type Queues = Mutex<HashMap<OrderKey, Arc<AsyncMutex<()>>>>;

/// A fair lock per key: one call of each key at a time, in the order of their calls to `lock`. It keeps no
/// entry for a key without calls.
#[derive(Debug, Default)]
pub(crate) struct KeyLock(Arc<Queues>);

/// Holds a key's lock. Dropping it passes the lock to the next call.
#[derive(Debug)]
pub(crate) struct KeyGuard {
    queues: Arc<Queues>,
    key: OrderKey,
    permit: Option<OwnedMutexGuard<()>>,
    queue: Arc<AsyncMutex<()>>,
}

impl KeyLock {
    pub(crate) async fn lock(&self, key: &OrderKey) -> KeyGuard {
        let queue = Arc::clone(lock(&self.0).entry(key.clone()).or_default());
        // Made before the wait, so that its drop also cleans up after a call that stops waiting.
        let mut guard = KeyGuard {
            queues: Arc::clone(&self.0),
            key: key.clone(),
            permit: None,
            queue: Arc::clone(&queue),
        };
        guard.permit = Some(queue.lock_owned().await);
        guard
    }

    #[cfg(test)]
    fn keys(&self) -> usize {
        lock(&self.0).len()
    }
}

impl Drop for KeyGuard {
    fn drop(&mut self) {
        self.permit = None;
        let mut queues = lock(&self.queues);
        // One reference is the map's and one this guard's. A call that waits, or is about to, has taken
        // another while it held this mutex.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.key);
        }
    }
}

fn lock(queues: &Queues) -> MutexGuard<'_, HashMap<OrderKey, Arc<AsyncMutex<()>>>> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    #[test]
    fn one_call_of_a_key_at_a_time_in_the_order_they_came() {
        let (locks, key) = (KeyLock::default(), OrderKey::new("a").unwrap());
        let first = assert_ready!(task::spawn(locks.lock(&key)).poll());
        let mut second = task::spawn(locks.lock(&key));
        assert_pending!(second.poll());
        let mut third = task::spawn(locks.lock(&key));
        assert_pending!(third.poll());
        drop(assert_ready!(task::spawn(locks.lock(&OrderKey::new("b").unwrap())).poll()));

        drop(first);
        assert_pending!(third.poll());
        assert!(second.is_woken());
        drop(second);
        drop(assert_ready!(third.poll()));
        drop(third);
        assert_eq!(locks.keys(), 0);
    }
}
