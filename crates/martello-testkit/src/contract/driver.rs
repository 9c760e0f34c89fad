//! Polls futures by hand: only those that were woken, with a waker of choice, so many times, and no longer than a bound.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::task::AtomicWaker;

use super::Memory;

/// Whoever is not woken within this time hangs.
pub(super) const BOUND: Duration = Duration::from_secs(30);
/// Whoever has not completed after so many rounds only wakes itself.
const MOST_ROUNDS: usize = 100_000;

/// Nobody woke the future, or it woke itself without ever completing.
#[derive(Debug)]
pub(super) struct Hung;

/// Which waker a poll brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wakers {
    /// The same at every poll.
    Same,
    /// A new one at every poll, and every poll is followed by another one that nobody asked for. Only the last waker counts.
    Changing,
}

#[derive(Debug, Default)]
pub(super) struct Flag {
    woken: AtomicBool,
    probe: AtomicWaker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.probe.wake();
    }
}

/// A future under way. Dropping it drops the future.
pub(super) struct Driven<F: Future> {
    future: Option<Pin<Box<F>>>,
    output: Option<F::Output>,
    wakers: Wakers,
    flag: Arc<Flag>,
}

impl<F: Future> Driven<F> {
    pub(super) fn new(future: F, wakers: Wakers) -> Self {
        let flag = Arc::new(Flag { woken: AtomicBool::new(true), ..Flag::default() });
        Self { future: Some(Box::pin(future)), output: None, wakers, flag }
    }

    pub(super) fn output(&mut self) -> Option<F::Output> {
        self.output.take()
    }

    /// Polls once, or twice with changing wakers.
    pub(super) fn step(&mut self) {
        match self.wakers {
            Wakers::Same => {
                self.flag.woken.store(false, Ordering::SeqCst);
                self.poll();
            }
            Wakers::Changing => {
                for _ in 0..2 {
                    self.flag = Arc::default();
                    self.poll();
                }
            }
        }
    }

    fn poll(&mut self) {
        let Some(future) = &mut self.future else { return };
        let waker = Waker::from(Arc::clone(&self.flag));
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            self.future = None;
            self.output = Some(output);
        }
    }

    fn unfinished(&self) -> bool {
        self.future.is_some()
    }

    fn woken(&self) -> bool {
        self.flag.woken.load(Ordering::SeqCst)
    }
}

/// Drives all of these to completion.
pub(super) async fn run<F: Future>(futures: &mut [Driven<F>], memory: Option<&Memory>) -> Result<(), Hung> {
    for _ in 0..MOST_ROUNDS {
        let mut woken = false;
        for driven in futures.iter_mut().filter(|driven| driven.unfinished() && driven.woken()) {
            driven.step();
            woken = true;
        }
        if !futures.iter().any(Driven::unfinished) {
            return Ok(());
        }
        if woken {
            // What it waits for may be another task's to do.
            tokio::task::yield_now().await;
        } else {
            woken_within_bound(futures, memory).await?;
        }
    }
    Err(Hung)
}

/// Drives one future to completion.
pub(super) async fn complete<F: Future>(
    future: F,
    wakers: Wakers,
    memory: Option<&Memory>,
) -> Result<F::Output, Hung> {
    let mut driven = [Driven::new(future, wakers)];
    run(&mut driven, memory).await?;
    let [mut driven] = driven;
    driven.output().ok_or(Hung)
}

/// Polls a future so many times, each time when it was woken, and drops it. True if it completed.
pub(super) async fn drop_after<F: Future>(
    future: F,
    polls: usize,
    memory: Option<&Memory>,
) -> Result<bool, Hung> {
    let mut driven = [Driven::new(future, Wakers::Same)];
    for _ in 0..polls {
        if driven.iter().all(|driven| !driven.woken()) {
            woken_within_bound(&driven, memory).await?;
        }
        driven.iter_mut().for_each(Driven::step);
        if !driven.iter().any(Driven::unfinished) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn woken_within_bound<F: Future>(futures: &[Driven<F>], memory: Option<&Memory>) -> Result<(), Hung> {
    let woken = poll_fn(|cx| {
        let waiting = || futures.iter().filter(|driven| driven.unfinished());
        for driven in waiting() {
            driven.flag.probe.register(cx.waker());
        }
        if let Some(memory) = memory {
            memory.attend(cx);
        }
        if waiting().any(Driven::woken) { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(BOUND, woken).await.map_err(|_| Hung)
}
