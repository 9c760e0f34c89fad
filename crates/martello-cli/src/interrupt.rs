//! Handles Ctrl-C and SIGTERM: a waiting command stops at once and reports how it stopped.

use std::{
    future::Future,
    io::{self, Write},
    process::exit,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::error::CommandError;

/// How long a command may take to exit after a signal. Longer than that, it is blocked on a file or a pipe.
const EXIT_GRACE: Duration = Duration::from_millis(1_700);

/// How long an interrupted command has to return its own error, which is more specific than "interrupted".
const MESSAGE_GRACE: Duration = Duration::from_millis(200);

/// Whether a child program, such as an editor, has the terminal, so that Ctrl-C is meant for it.
static IN_FOREGROUND: AtomicBool = AtomicBool::new(false);

/// Runs the future; `None` if a signal comes first, and the future is dropped.
pub(crate) async fn or_interrupt<T>(future: impl Future<Output = T>) -> Option<T> {
    // Where signals cannot be caught they end the process by default.
    let Ok(mut interrupts) = Interrupts::catch() else { return Some(future.await) };
    tokio::pin!(future);
    tokio::select! {
        biased;
        value = &mut future => Some(value),
        () = interrupts.next_for_us() => None,
    }
}

/// Runs the future; after a signal, the future has a moment to return its own error, else the error is
/// "interrupted".
pub(crate) async fn unless_interrupted<T>(
    future: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    tokio::pin!(future);
    if let Some(ended) = or_interrupt(&mut future).await {
        return ended;
    }
    let last = timeout(MESSAGE_GRACE, future).await;
    last.unwrap_or_else(|_| Err(CommandError::interrupted("interrupted")))
}

/// Exits the process if it still runs 1.7 seconds after a signal. Dropping the returned guard disables this.
pub(crate) fn exit_after_grace(json: bool) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    if let Ok(interrupts) = Interrupts::catch() {
        tasks.spawn(end(interrupts, json));
    }
    tasks
}

async fn end(mut interrupts: Interrupts, json: bool) {
    interrupts.next_for_us().await;
    sleep(EXIT_GRACE).await;
    let error = CommandError::interrupted("interrupted while blocked on a file or pipe");
    // A failure to write to stderr has nowhere to be reported.
    drop(io::stderr().write_all(error.render(json).as_bytes()));
    exit(error.code().into());
}

/// Runs a child program in the foreground, which handles Ctrl-C itself; `None` after a SIGTERM to this
/// process.
pub(crate) async fn in_foreground<T>(program: impl Future<Output = T>) -> Option<T> {
    let interrupts = Interrupts::catch();
    IN_FOREGROUND.store(true, Ordering::Relaxed);
    let terminated = async {
        match interrupts {
            Ok(mut interrupts) => interrupts.terminated().await,
            Err(_) => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        biased;
        ended = program => Some(ended),
        () = terminated => None,
    };
    IN_FOREGROUND.store(false, Ordering::Relaxed);
    ended
}

/// The process's SIGINT and SIGTERM signals. While this exists, neither ends the process by default.
#[cfg(unix)]
pub(crate) struct Interrupts([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Interrupts {
    pub(crate) fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]))
    }

    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    async fn terminated(&mut self) {
        let [_, terminate] = &mut self.0;
        terminate.recv().await;
    }
}

/// The process's Ctrl-C events.
#[cfg(not(unix))]
pub(crate) struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    pub(crate) fn catch() -> io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        // Where it cannot be caught it ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn terminated(&mut self) {
        std::future::pending().await
    }
}

impl Interrupts {
    /// Waits for the next signal that is not meant for a foreground program.
    async fn next_for_us(&mut self) {
        loop {
            self.next().await;
            if !IN_FOREGROUND.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

impl Interrupts {
    /// Runs work that precedes the first request; a signal drops it.
    pub(crate) async fn before<T>(
        &mut self,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        tokio::select! {
            biased;
            () = self.next() => Err(CommandError::interrupted("interrupted before anything was sent")),
            ended = work => ended,
        }
    }
}
