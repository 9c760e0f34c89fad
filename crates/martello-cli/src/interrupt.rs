//! Ctrl-C, where it must not simply end the process.

use std::future::Future;

use tokio::signal::ctrl_c;

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
