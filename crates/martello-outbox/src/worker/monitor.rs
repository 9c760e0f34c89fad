use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use super::health::{WorkerHealth, WorkerPhase};

/// Reads a worker's [health](WorkerHealth), from before its start until after its end.
///
/// A clone reads the same worker. The worker runs on without its monitors, and a monitor outlives the worker.
///
/// ```
/// use martello_outbox::{MemoryStore, Outbox, WorkerPhase};
/// # use martello_body::Body;
/// # use std::convert::Infallible;
///
/// # let http = tower::service_fn(|_: http::Request<Body>| async {
/// #     Ok::<_, Infallible>(http::Response::new(Body::empty()))
/// # });
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let worker = Outbox::new(MemoryStore::new()).worker(http);
/// let monitor = worker.monitor();
/// assert_eq!(monitor.health().phase, WorkerPhase::Starting);
///
/// worker.start().shutdown().await;
/// assert_eq!(monitor.health().phase, WorkerPhase::Stopped);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct WorkerMonitor(Arc<Mutex<MonitorState>>);

#[derive(Default)]
struct MonitorState {
    health: WorkerHealth,
    last_turn: Option<Instant>,
}

impl WorkerMonitor {
    pub(super) fn new(cap: usize) -> Self {
        let mut health = WorkerHealth::default();
        health.cap = cap;
        Self(Arc::new(Mutex::new(MonitorState { health, last_turn: None })))
    }

    /// The worker's health now.
    #[must_use]
    pub fn health(&self) -> WorkerHealth {
        let state = self.lock();
        let mut health = state.health.clone();
        health.since_last_turn = state.last_turn.map(|last| last.elapsed());
        health
    }

    pub(super) fn update<T>(&self, update: impl FnOnce(&mut WorkerHealth) -> T) -> T {
        update(&mut self.lock().health)
    }

    pub(super) fn turn_succeeded(&self, now: Instant) {
        let mut state = self.lock();
        state.last_turn = Some(now);
        state.health.store_failing = false;
    }

    pub(super) fn set_phase(&self, phase: WorkerPhase) {
        self.update(|health| health.phase = phase);
    }

    fn lock(&self) -> MutexGuard<'_, MonitorState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WorkerMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerMonitor").field(&self.health()).finish()
    }
}

/// Sets the phase to running, and to stopped when it is dropped, also if the worker is aborted.
pub(super) struct RunningPhase(WorkerMonitor);

impl RunningPhase {
    pub(super) fn begin(monitor: &WorkerMonitor) -> Self {
        monitor.set_phase(WorkerPhase::Running);
        Self(monitor.clone())
    }
}

impl Drop for RunningPhase {
    fn drop(&mut self) {
        self.0.update(|health| {
            health.phase = WorkerPhase::Stopped;
            health.in_flight = 0;
            health.probing = false;
        });
    }
}
