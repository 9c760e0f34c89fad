//! What the two apalis subjects have in common: everything but their storage.

use std::{mem, sync::Arc};

use apalis::prelude::*;
use tokio::task::JoinSet;

use super::join;
use crate::{
    Error,
    outbox::{
        arrivals::Arrivals,
        job::{Job, Jobs},
    },
};

/// The name of the queue in the storage.
pub(super) const QUEUE: &str = "orders";

/// The jobs of a queue, and its worker.
pub(super) struct Queue {
    jobs: Jobs,
    prepared: Vec<Vec<Job>>,
    workers: u64,
    running: Option<(WorkerContext, JoinSet<Result<(), WorkerError>>)>,
    pub(super) in_flight: usize,
    pub(super) arrivals: Arrivals,
}

impl Queue {
    pub(super) fn new(in_flight: usize) -> Self {
        Self {
            jobs: Jobs::default(),
            prepared: Vec::new(),
            workers: 0,
            running: None,
            in_flight,
            arrivals: Arrivals::default(),
        }
    }

    /// Makes this many batches of jobs.
    pub(super) async fn prepare(&mut self, batches: usize, size: usize) -> Result<(), Error> {
        for _ in 0..batches {
            self.prepared.push(self.jobs.make(size).await?);
        }
        Ok(())
    }

    /// Takes the batches that were made.
    pub(super) fn take_prepared(&mut self) -> Vec<Vec<Job>> {
        mem::take(&mut self.prepared)
    }

    /// The context of the next worker. Its name is new, because the storage reserves a name until its worker
    /// must be dead.
    pub(super) fn next_worker(&mut self) -> WorkerContext {
        self.workers += 1;
        WorkerContext::new(&format!("worker-{}", self.workers))
    }

    /// Runs a worker until [`stop`](Self::stop).
    pub(super) fn run(
        &mut self,
        context: WorkerContext,
        worker: impl Future<Output = Result<(), WorkerError>> + Send + 'static,
    ) {
        let mut tasks = JoinSet::new();
        tasks.spawn(worker);
        self.running = Some((context, tasks));
    }

    /// Stops the worker, and waits until it has stored what it did.
    pub(super) async fn stop(&mut self) -> Result<(), Error> {
        match self.running.take() {
            Some((context, tasks)) => {
                context.stop()?;
                join(tasks).await
            }
            None => Ok(()),
        }
    }
}

/// The handler of both: it counts.
pub(super) async fn handle(_: Job, arrivals: Data<Arc<Arrivals>>) -> Result<(), BoxDynError> {
    arrivals.arrive();
    Ok(())
}
