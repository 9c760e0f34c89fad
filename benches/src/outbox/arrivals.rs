#[expect(
    clippy::disallowed_types,
    reason = "no test pauses this clock, and tokio's would cost more to read"
)]
use std::time::Instant;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::Error;

/// The longest wait for an arrival. After it, the queue counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counts arrivals. This is all that the handler of each subject does. Clones share the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals(Arc<Counting>);

#[derive(Debug, Default)]
struct Counting {
    arrived: AtomicU64,
    expected: AtomicU64,
    first_and_last: Mutex<[Option<Moment>; 2]>,
    all: Notify,
}

#[expect(clippy::disallowed_types, reason = "as above")]
pub(super) type Moment = Instant;

impl Arrivals {
    /// Starts to count again.
    pub(super) fn expect(&self, arrivals: u64) {
        self.0.expected.store(arrivals, Ordering::SeqCst);
        self.0.arrived.store(0, Ordering::SeqCst);
        if let Ok(mut moments) = self.0.first_and_last.lock() {
            *moments = [None; 2];
        }
    }

    /// Counts a request that has reached its handler.
    pub(super) fn arrive(&self) {
        let number = self.0.arrived.fetch_add(1, Ordering::SeqCst) + 1;
        let last = number == self.0.expected.load(Ordering::SeqCst);
        if (number == 1 || last)
            && let Ok(mut moments) = self.0.first_and_last.lock()
        {
            let now = Some(Moment::now());
            let [first, end] = &mut *moments;
            *first = first.or(now);
            *end = now.filter(|_| last);
        }
        if last {
            self.0.all.notify_one();
        }
    }

    /// The times of the first and the last expected arrival.
    pub(super) async fn all(&self) -> Result<(Moment, Moment), Error> {
        if tokio::time::timeout(PATIENCE, self.0.all.notified()).await.is_err() {
            let arrived = self.0.arrived.load(Ordering::SeqCst);
            return Err(format!("only {arrived} have arrived in {PATIENCE:?}").into());
        }
        let moments = *self.0.first_and_last.lock().map_err(|_| "a handler panicked")?;
        match moments {
            [Some(first), Some(last)] => Ok((first, last)),
            _ => Err("all requests arrived, but their times are missing".into()),
        }
    }

    /// The number of arrivals.
    pub(super) fn count(&self) -> u64 {
        self.0.arrived.load(Ordering::SeqCst)
    }
}
