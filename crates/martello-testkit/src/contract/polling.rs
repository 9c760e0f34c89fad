//! Polls futures manually: only woken ones, with a chosen waker, a limited number of times, within a time
//! limit.

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

/// A future that is not woken within this time hangs.
pub(super) const HANG_TIMEOUT: Duration = Duration::from_secs(30);
/// A future that has not completed after this many rounds only wakes itself.
const MAX_ROUNDS: usize = 100_000;

/// The future was not woken, or it woke itself without ever completing.
#[derive(Debug)]
pub(super) struct Hung;

/// Which waker a poll uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wakers {
    /// The same at every poll.
    Same,
    /// A new one at every poll. Every poll is followed by a second one without a wake. Only the last waker is
    /// valid.
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

/// A future in progress. Dropping this drops the future.
pub(super) struct PolledFuture<F: Future> {
    future: Option<Pin<Box<F>>>,
    output: Option<F::Output>,
    wakers: Wakers,
    flag: Arc<Flag>,
}

impl<F: Future> PolledFuture<F> {
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

/// Polls all futures to completion.
pub(super) async fn run<F: Future>(
    futures: &mut [PolledFuture<F>],
    memory: Option<&Memory>,
) -> Result<(), Hung> {
    for _ in 0..MAX_ROUNDS {
        let mut woken = false;
        for future in futures.iter_mut().filter(|future| future.unfinished() && future.woken()) {
            future.step();
            woken = true;
        }
        if !futures.iter().any(PolledFuture::unfinished) {
            return Ok(());
        }
        if woken {
            // The future may wait for another task.
            tokio::task::yield_now().await;
        } else {
            wait_for_wake(futures, memory).await?;
        }
    }
    Err(Hung)
}

/// Polls one future to completion.
pub(super) async fn complete<F: Future>(
    future: F,
    wakers: Wakers,
    memory: Option<&Memory>,
) -> Result<F::Output, Hung> {
    let mut future = [PolledFuture::new(future, wakers)];
    run(&mut future, memory).await?;
    let [mut future] = future;
    future.output().ok_or(Hung)
}

/// Polls a future this many times, each time after a wake, and drops it. Returns whether it completed.
pub(super) async fn drop_after<F: Future>(
    future: F,
    polls: usize,
    memory: Option<&Memory>,
) -> Result<bool, Hung> {
    let mut future = [PolledFuture::new(future, Wakers::Same)];
    for _ in 0..polls {
        if future.iter().all(|future| !future.woken()) {
            wait_for_wake(&future, memory).await?;
        }
        future.iter_mut().for_each(PolledFuture::step);
        if !future.iter().any(PolledFuture::unfinished) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn wait_for_wake<F: Future>(futures: &[PolledFuture<F>], memory: Option<&Memory>) -> Result<(), Hung> {
    let woken = poll_fn(|cx| {
        let waiting = || futures.iter().filter(|future| future.unfinished());
        for future in waiting() {
            future.flag.probe.register(cx.waker());
        }
        if let Some(memory) = memory {
            memory.tick_if_waiting(cx);
        }
        if waiting().any(PolledFuture::woken) { Poll::Ready(()) } else { Poll::Pending }
    });
    tokio::time::timeout(HANG_TIMEOUT, woken).await.map_err(|_| Hung)
}
