//! Ctrl-C and SIGTERM: what waits ends at once, in its own way.

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

/// How long a verb may take to come to its end. What it waits for then is not ours to break off: a file, a reader.
const EXIT_GRACE: Duration = Duration::from_millis(1_700);

/// How long what was interrupted inside has to say so itself.
const MESSAGE_GRACE: Duration = Duration::from_millis(200);

/// Whether a program in the foreground has the terminal, and Ctrl-C is meant for it.
static IN_FOREGROUND: AtomicBool = AtomicBool::new(false);

/// What the future yields, or `None` if the process was asked to end first; the future is then dropped.
pub(crate) async fn or_interrupt<T>(future: impl Future<Output = T>) -> Option<T> {
    // Where signals cannot be caught they end the process.
    let Ok(mut interrupts) = Interrupts::catch() else { return Some(future.await) };
    tokio::pin!(future);
    tokio::select! {
        biased;
        value = &mut future => Some(value),
        () = interrupts.next_for_us() => None,
    }
}

/// As [`or_interrupt`], of what may have a word of its own to say at its end, or not.
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

/// Ends the process if it is asked to and does not soon, for as long as this is held.
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
    let failure = CommandError::interrupted("interrupted in what could not be broken off");
    // There is nobody to tell that nobody listens.
    drop(io::stderr().write_all(failure.render(json).as_bytes()));
    exit(failure.code().into());
}

/// What a program in the foreground ends with, to which Ctrl-C is left; `None` after a SIGTERM, which is for us.
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

/// Each time that the process is asked to end, by Ctrl-C or SIGTERM. While this is there, none of them ends it by itself.
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

/// Each Ctrl-C.
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
    /// The next that is for us.
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
    /// What the work yields that comes before anything is sent. It is dropped if the process is asked to end.
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
