//! Waits with a timeout, so that a test fails instead of hanging.

use std::{convert::Infallible, fmt, panic::Location, sync::mpsc, thread, time::Duration};

use http::{Method, Uri, uri::Authority};
use tokio::sync::oneshot;

use super::state::ServerState;

/// The most requests that a message names.
const MAX_NAMED: usize = 5;

/// The message of a wait that timed out.
pub(super) struct WaitTimedOut(String);

impl WaitTimedOut {
    pub(super) fn receiving(state: &ServerState, requests: usize, wait_timeout: Duration) -> Self {
        let (came, wanted) = (state.received, Count(requests, "request"));
        let connections = Count(state.connections, "connection");
        let unnamed = state.requests.len().saturating_sub(MAX_NAMED);
        let latest = state.requests.iter().skip(unnamed).map(|request| name(&request.method, &request.uri));
        let latest = latest.collect::<Vec<_>>().join(", ");
        let latest = if latest.is_empty() { latest } else { format!("; latest requests: {latest}") };
        Self(format!("{came} of {wanted} arrived within {wait_timeout:?} on {connections}{latest}"))
    }

    pub(super) fn idling(state: &ServerState, wait_timeout: Duration) -> Self {
        let requests = Count(state.in_flight.len(), "request");
        let are = if requests.0 == 1 { "is" } else { "are" };
        Self(format!("{requests} {are} still in flight after {wait_timeout:?}: {}", oldest_in_flight(state)))
    }

    pub(super) fn stopping(state: &ServerState, wait_timeout: Duration) -> Self {
        let requests = oldest_in_flight(state);
        Self(format!(
            "the server did not stop within {wait_timeout:?}, because its handler has not returned for {requests}"
        ))
    }

    /// Panics, which fails the test.
    #[expect(clippy::panic, reason = "a test that waits in vain has failed")]
    pub(super) fn fail(self, caller: &Location<'_>) -> ! {
        panic!("{}; the wait is at {caller}; to wait longer, call `Server::set_wait_timeout`", self.0)
    }
}

fn oldest_in_flight(state: &ServerState) -> String {
    let requests = state.in_flight.values().take(MAX_NAMED);
    let oldest = requests.map(|(method, uri)| name(method, uri)).collect::<Vec<_>>().join(", ");
    match state.in_flight.len().saturating_sub(MAX_NAMED) {
        0 => oldest,
        more => format!("{oldest}, and {more} more"),
    }
}

/// The method and the path, or the authority of a CONNECT. Leaves out the query, which may contain secrets.
fn name(method: &Method, uri: &Uri) -> String {
    let path =
        if *method == Method::CONNECT { uri.authority().map_or("", Authority::as_str) } else { uri.path() };
    format!("{method} {path:.100}")
}

struct Count(usize, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{plural}", self.0, self.1)
    }
}

/// A timer on the machine's clock. Dropping it ends its thread.
///
/// tokio's timers do not work here: a runtime that waits for a socket counts as idle, and a paused clock then
/// jumps to the next timer. A blocking task does not work either, because it stops a paused clock from
/// advancing.
struct Timer {
    /// Closed when the time has passed.
    due: oneshot::Receiver<Infallible>,
    _dropped: mpsc::Sender<Infallible>,
}

impl Timer {
    fn start(time: Duration) -> Self {
        let (not_due, due) = oneshot::channel();
        let (dropped, until_dropped) = mpsc::channel::<Infallible>();
        thread::spawn(move || {
            // No value is ever sent. This returns when the time has passed, or when the timer is dropped.
            let _ = until_dropped.recv_timeout(time);
            drop(not_due);
        });
        Self { due, _dropped: dropped }
    }
}

/// Returns the future's output, or `None` if it does not complete within this time on the machine's clock.
pub(super) async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let too_late = async {
        let mut timer = Timer::start(time);
        (&mut timer.due).await
    };
    tokio::select! {
        // Poll the future first: a completed future wins even if this task runs late, and needs no timer.
        biased;
        output = future => Some(output),
        _ = too_late => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dropping_a_timer_ends_its_thread() {
        let Timer { due, _dropped: dropped } = Timer::start(Duration::from_secs(3_600));
        drop(dropped);
        let closed = tokio::time::timeout(Duration::from_secs(10), due).await;
        closed.expect("the thread still runs").unwrap_err();
    }
}
