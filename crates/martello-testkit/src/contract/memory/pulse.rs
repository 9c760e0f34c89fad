//! Steps that are taken from outside, one at a time.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_util::task::AtomicWaker;

/// The beat by which everything pending advances.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    state: Mutex<State>,
    /// Whoever beats, woken when somebody begins to wait.
    attendant: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    beats: u64,
    next_gate: u64,
    /// Of each gate, the waker of its latest poll and no other.
    waiting: BTreeMap<u64, Waker>,
}

impl Pulse {
    pub(super) fn beat(&self) {
        let woken = {
            let mut state = self.lock();
            state.beats += 1;
            mem::take(&mut state.waiting)
        };
        for waker in woken.into_values() {
            waker.wake();
        }
    }

    /// Beats if anybody waits, and has this task woken when somebody begins to.
    pub(super) fn attend(&self, cx: &Context<'_>) {
        self.attendant.register(cx.waker());
        let waited_for = !self.lock().waiting.is_empty();
        if waited_for {
            self.beat();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Pending until so many beats after its first poll.
#[derive(Debug)]
pub(super) struct Gate {
    pulse: Arc<Pulse>,
    number: u64,
    beats: u32,
    opens_at: Option<u64>,
}

impl Gate {
    pub(super) fn new(pulse: &Arc<Pulse>, beats: u32) -> Self {
        let number = {
            let mut state = pulse.lock();
            state.next_gate += 1;
            state.next_gate
        };
        Self { pulse: Arc::clone(pulse), number, beats, opens_at: None }
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        {
            let mut state = self.pulse.lock();
            let opens_at = *self.opens_at.get_or_insert(state.beats + u64::from(self.beats));
            if state.beats >= opens_at {
                return Poll::Ready(());
            }
            state.waiting.insert(self.number, cx.waker().clone());
        }
        self.pulse.attendant.wake();
        Poll::Pending
    }

    /// Closes the gate for as many beats again.
    pub(super) fn close(&mut self) {
        self.opens_at = None;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let forgotten = self.pulse.lock().waiting.remove(&self.number);
        drop(forgotten);
    }
}
