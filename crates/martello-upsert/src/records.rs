use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{Record, Report, UpsertError};

/// How many unread records the run keeps until it waits for the reader.
pub(crate) const MAX_UNREAD: usize = 128;

type Ended = Result<Report, UpsertError>;

/// A stream of the records of a run, each as soon as its outcome is known.
///
/// The run is a task. While 128 records are unread, it sends no more entities, and waits for those in flight.
/// Dropping this aborts the run and the requests in flight.
///
/// ```
/// # use futures_util::stream;
/// # use http::{Request, Response};
/// use martello_upsert::UpsertAll;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let stack = tower::service_fn(|_: Request<martello_body::Body>| async {
/// #     Ok::<_, http::Error>(Response::new(martello_body::Body::empty()))
/// # });
/// let upserts = UpsertAll::new(stack, |id: &u32| Request::put(format!("https://api.example/{id}")).body("{}"));
/// let mut records = upserts.records(stream::iter([1, 2]))?;
/// while let Some(record) = records.next().await {
///     println!("{record}");
/// }
/// assert!(records.report().await?.is_success());
/// # Ok(())
/// # }
/// ```
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
        let (sender, records) = mpsc::channel(MAX_UNREAD);
        let mut task = JoinSet::new();
        task.spawn(run(sender));
        Self { records, run: task }
    }

    /// The next record; `None` after the last. Dropping the future loses no record.
    pub async fn next(&mut self) -> Option<Record> {
        self.records.recv().await
    }

    /// Waits for the end of the run. The report also counts the records that were not read.
    ///
    /// # Errors
    ///
    /// When the journal fails, which stops the run.
    ///
    /// # Panics
    ///
    /// When the input, or the function that builds requests, panics.
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
