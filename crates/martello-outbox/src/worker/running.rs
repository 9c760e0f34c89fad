use tokio::{sync::oneshot, task::JoinSet};

use super::health::{WorkerHealth, WorkerMonitor};

/// A worker that runs as a task of its own.
///
/// Dropped, it is aborted, and its deliveries with it: what was on the wire is not settled, and is delivered again, or
/// becomes a dead letter, when its lease has run out. [Shut it down](RunningWorker::shutdown) instead.
#[derive(Debug)]
#[must_use = "dropping it aborts the worker"]
pub struct RunningWorker {
    pub(super) task: JoinSet<()>,
    pub(super) stop: oneshot::Sender<()>,
    pub(super) monitor: WorkerMonitor,
}

impl RunningWorker {
    /// How it stands now.
    #[must_use]
    pub fn health(&self) -> WorkerHealth {
        self.monitor.health()
    }

    /// What tells how it stands, to be kept elsewhere.
    #[must_use]
    pub fn monitor(&self) -> WorkerMonitor {
        self.monitor.clone()
    }

    /// Stops claiming, gives back what was not sent yet, waits up to `grace` for what is on the wire, drops
    /// what is left of it as ambiguous, settles it all, and tells how the worker stood at its end.
    ///
    /// It takes no longer than `grace` and the 5 s that are left to the store after that. Dropping the future drops the
    /// worker.
    pub async fn shutdown(self) -> WorkerHealth {
        let Self { mut task, stop, monitor } = self;
        // A worker that has ended does not hear it.
        let _ = stop.send(());
        while task.join_next().await.is_some() {}
        monitor.health()
    }
}
