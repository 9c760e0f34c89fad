//! Ctrl-C, where it must not simply end the process.

use std::future::Future;

use tokio::signal::ctrl_c;

use crate::failure::Failure;

/// What the future yields, or `None` if Ctrl-C came first; the future is then dropped.
pub(crate) async fn or_ctrl_c<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        // Where it cannot be caught it ends the process, as it would have anyway.
        Ok(()) = ctrl_c() => None,
        value = future => Some(value),
    }
}

/// Lets a Ctrl-C pass that is meant for a program in the foreground.
pub(crate) async fn ignoring_ctrl_c<T>(future: impl Future<Output = T>) -> T {
    tokio::pin!(future);
    loop {
        tokio::select! {
            biased;
            Ok(()) = ctrl_c() => {}
            value = &mut future => return value,
        }
    }
}

/// Each time that the process is asked to end, by Ctrl-C or SIGTERM. While this is there, none of them ends it by itself.
#[cfg(unix)]
pub(crate) struct Interrupts([tokio::signal::unix::Signal; 2]);

#[cfg(unix)]
impl Interrupts {
    pub(crate) fn catch() -> std::io::Result<Self> {
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
}

/// Each Ctrl-C.
#[cfg(not(unix))]
pub(crate) struct Interrupts;

#[cfg(not(unix))]
impl Interrupts {
    pub(crate) fn catch() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn next(&mut self) {
        // Where it cannot be caught it ends the process.
        if ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Interrupts {
    /// What the work yields that comes before anything is sent. It is dropped if the process is asked to end.
    pub(crate) async fn before<T>(
        &mut self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        tokio::select! {
            biased;
            () = self.next() => Err(Failure::interrupted("interrupted before anything was sent")),
            ended = work => ended,
        }
    }
}
