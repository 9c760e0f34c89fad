use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{Record, Report, UpsertError};

/// So many records wait for their reader before the run waits for it.
pub(crate) const MOST_WAITING: usize = 128;

type Ended = Result<Report, UpsertError>;

/// The records of a run, each as soon as its outcome is known.
///
/// The run goes on in a task of its own. When 128 records wait to be read, it begins no more entities; what
/// is in task goes on to its end. Dropping this drops the run, and breaks off what is in task.
#[derive(Debug)]
#[must_use = "dropping the records drops the run"]
pub struct Records {
    records: mpsc::Receiver<Record>,
    run: JoinSet<Ended>,
}

impl Records {
    pub(crate) fn of<F>(run: impl FnOnce(mpsc::Sender<Record>) -> F) -> Self
    where
        F: Future<Output = Ended> + Send + 'static,
    {
        let (sender, records) = mpsc::channel(MOST_WAITING);
        let mut task = JoinSet::new();
        task.spawn(run(sender));
        Self { records, run: task }
    }

    /// The next record; `None` when there are no more. Dropping the future loses none.
    pub async fn next(&mut self) -> Option<Record> {
        self.records.recv().await
    }

    /// Waits for the end of the run. Records that were not read are in the report's counts.
    ///
    /// # Errors
    ///
    /// What kept the run from its end.
    ///
    /// # Panics
    ///
    /// When the input, or the function that makes requests, has panicked.
    pub async fn report(mut self) -> Result<Report, UpsertError> {
        while self.records.recv().await.is_some() {}
        match self.run.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down, and this future with it.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }
}

impl Stream for Records {
    type Item = Record;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Record>> {
        self.records.poll_recv(cx)
    }
}
