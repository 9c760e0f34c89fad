use tokio::{sync::oneshot, task::JoinSet};

use super::{health::WorkerHealth, monitor::WorkerMonitor};

/// A worker that runs as a task.
///
/// Dropping it aborts the worker and its deliveries. What was on the wire is not settled: when its lease
/// expires, it is delivered again, or becomes a dead letter. [Shut the worker down](RunningWorker::shutdown)
/// instead.
///
/// ```
/// use martello_outbox::{MemoryStore, Outbox, WorkerPhase};
/// # use martello_body::Body;
/// # let http = tower::service_fn(|_: http::Request<Body>| async {
/// #     Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
/// # });
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let worker = Outbox::new(MemoryStore::new()).worker(http).start();
/// let health = worker.shutdown().await;
/// assert_eq!((health.phase, health.in_flight), (WorkerPhase::Stopped, 0));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping it aborts the worker"]
pub struct RunningWorker {
    task: JoinSet<()>,
    stop: oneshot::Sender<()>,
    monitor: WorkerMonitor,
}

impl RunningWorker {
    /// Spawns what `run` makes of a future that ends when the worker is to stop.
    pub(super) fn spawn<F>(monitor: WorkerMonitor, run: impl FnOnce(oneshot::Receiver<()>) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(run(stopped));
        Self { task, stop, monitor }
    }

    /// The worker's health now.
    #[must_use]
    pub fn health(&self) -> WorkerHealth {
        self.monitor.health()
    }

    /// A monitor, which reads the health from elsewhere and after the worker's end.
    #[must_use]
    pub fn monitor(&self) -> WorkerMonitor {
        self.monitor.clone()
    }

    /// Shuts the worker down, and returns its health at the end.
    ///
    /// The worker claims nothing more, gives back what it has not sent yet, and waits up to `grace` for the
    /// requests on the wire. Then it cancels the rest as ambiguous, and settles everything. The store has 5 s
    /// for that. Dropping the future aborts the worker.
    pub async fn shutdown(self) -> WorkerHealth {
        let Self { mut task, stop, monitor } = self;
        // The receiver is gone if the worker has ended already.
        let _ = stop.send(());
        while task.join_next().await.is_some() {}
        monitor.health()
    }
}
