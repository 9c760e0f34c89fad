//! Delays that the test ends, one tick at a time.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::task::AtomicWaker;

/// The clock of a [`Memory`](super::Memory): every tick advances everything that is pending.
#[derive(Debug, Default)]
pub(super) struct Ticker {
    state: Mutex<State>,
    /// The task that ticks. It is woken when a delay starts.
    observer: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    ticks: u64,
    next_delay: u64,
    /// The waker of the latest poll of each delay.
    waiting: BTreeMap<u64, Waker>,
}

impl Ticker {
    pub(super) fn tick(&self) {
        let woken = {
            let mut state = self.lock();
            state.ticks += 1;
            mem::take(&mut state.waiting)
        };
        for waker in woken.into_values() {
            waker.wake();
        }
    }

    /// Ticks if a delay is pending, and wakes this task when the next one starts.
    pub(super) fn tick_if_waiting(&self, cx: &Context<'_>) {
        self.observer.register(cx.waker());
        let waited_for = !self.lock().waiting.is_empty();
        if waited_for {
            self.tick();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pending until this many ticks after its first poll.
#[derive(Debug)]
pub(super) struct TickDelay {
    ticker: Arc<Ticker>,
    number: u64,
    ticks: u32,
    due_at: Option<u64>,
}

impl TickDelay {
    pub(super) fn new(ticker: &Arc<Ticker>, ticks: u32) -> Self {
        let number = {
            let mut state = ticker.lock();
            state.next_delay += 1;
            state.next_delay
        };
        Self { ticker: Arc::clone(ticker), number, ticks, due_at: None }
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        {
            let mut state = self.ticker.lock();
            let due_at = *self.due_at.get_or_insert(state.ticks + u64::from(self.ticks));
            if state.ticks >= due_at {
                return Poll::Ready(());
            }
            state.waiting.insert(self.number, cx.waker().clone());
        }
        self.ticker.observer.wake();
        Poll::Pending
    }

    /// Starts the delay again.
    pub(super) fn restart(&mut self) {
        self.due_at = None;
    }
}

impl Drop for TickDelay {
    fn drop(&mut self) {
        let forgotten = self.ticker.lock().waiting.remove(&self.number);
        drop(forgotten);
    }
}
