use std::{fmt, future::pending};

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response};
use martello_outbox::Outbox;
use martello_outcome::{BoxError, ConfigError};
use tokio::sync::{mpsc, watch};
use tower_service::Service;

use crate::{
    Journal, Progress, Record, Records, Report, UpsertError,
    run::{BuildRequest, JournalHandle, KeyBy, Stop, UpsertRun},
    send::{ReadBack, Sender, Wire},
    settings::Settings,
};

/// Writes the entities of a stream, one request each, a few at a time. See the [crate's page](crate).
///
/// `T` is a row of the input. What is set is checked when the run begins.
#[must_use = "nothing is sent until it runs"]
pub struct UpsertAll<T> {
    wire: Wire,
    build: BuildRequest<T>,
    settings: Settings,
    outbox: Option<Outbox>,
    read_back: Option<ReadBack>,
    journal: Option<Journal>,
    stop: Stop,
    progress: watch::Sender<Progress>,
}

impl<T> UpsertAll<T> {
    /// Upserts through `service`, a finished stack, with a request that `to_request` makes of each row.
    ///
    /// A row of which it makes no request is recorded as rejected, with the error as its reason, and the run
    /// goes on: so an input that can fail yields `Result`s, and `to_request` hands on their errors.
    pub fn new<S, B, R, F, P, E>(service: S, mut to_request: F) -> Self
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: From<Bytes> + Send + 'static,
        R: http_body::Body + Send + 'static,
        R::Data: Send,
        R::Error: Into<BoxError> + Send,
        F: FnMut(&T) -> Result<Request<P>, E> + Send + 'static,
        P: Into<Bytes>,
        E: Into<BoxError>,
    {
        let to_request = move |row: &T| match to_request(row) {
            Ok(request) => Ok(request.map(Into::into)),
            Err(error) => Err(error.into()),
        };
        Self {
            wire: Wire::new(service),
            build: BuildRequest { to_request: Box::new(to_request), key_by: KeyBy::Target },
            settings: Settings::default(),
            outbox: None,
            read_back: None,
            journal: None,
            stop: Box::pin(pending()),
            progress: watch::Sender::new(Progress::default()),
        }
    }

    /// Keeps so many in task: 1 to 1,000. Five unless it is said, which is what the APIs that this is for allow.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.settings.concurrency = most;
        self
    }

    /// Orders the entities by what `key` says of a row: 1 to 512 bytes without control characters. A row
    /// whose key is none is rejected.
    ///
    /// Unless it is said, the key is authority and path of a PUT, PATCH or DELETE, and what has none is not ordered.
    pub fn key_by<K: Into<String>>(mut self, mut key: impl FnMut(&T) -> K + Send + 'static) -> Self {
        self.build.key_by = KeyBy::Row(Box::new(move |row| key(row).into()));
        self
    }

    /// Orders the entities by nothing: right where no entity comes twice.
    pub fn unordered(mut self) -> Self {
        self.build.key_by = KeyBy::Nothing;
        self
    }

    /// Lets an entity that waits for an older one of its key be superseded by the next one that takes its
    /// place. That is a PUT or DELETE after another to the same target, headers such as `x-tenant` included;
    /// or, with [`UpsertAll::key_by`], all of a key, whatever is sent: right where each carries the whole
    /// state. By default all are written, in order.
    ///
    /// With `key_by`, what is deferred supersedes the older entries of its key in the outbox, too. By target
    /// it waits behind them: an entry with the same key may carry only a part.
    pub fn latest_wins(mut self) -> Self {
        self.settings.latest_wins = true;
        self
    }

    /// Takes and keeps so many entities that wait for an older one of their key, and those beyond them not: 0
    /// to 100,000, 1,000 unless it is said. One more may wait, because that it has to is known only when it
    /// is taken.
    pub fn look_ahead(mut self, most: usize) -> Self {
        self.settings.look_ahead = most;
        self
    }

    /// Takes no more rows while those that wait have more than so many bytes, bodies, URLs and headers: 0 to
    /// 1 GiB, 64 MiB by default, which is a thousand rows of 64 KiB. The row that exceeds it waits, too, so
    /// that one that is larger by itself waits alone.
    pub fn look_ahead_bytes(mut self, most: usize) -> Self {
        self.settings.look_ahead_bytes = most;
        self
    }

    /// Stores what cannot be delivered now in this outbox, as an
    /// [`OutboxLayer`](martello_outbox::OutboxLayer) does: what is exhausted is deferred then, and so is what
    /// follows it with its key. What is ambiguous and must not be sent twice lies there as a dead letter.
    pub fn defer_to(mut self, outbox: &Outbox) -> Self {
        self.outbox = Some(outbox.clone());
        self
    }

    /// Reads an entity back when it may have been written although the answer does not say so, and asks
    /// `same` whether what was found (the answer to a GET of the same target, with at most 1 MiB) is what was
    /// sent.
    ///
    /// That is so after an ambiguous end; after a conflict where an earlier attempt may have been processed;
    /// and, for a DELETE or a request with a condition such as `If-Match`, after an exhaustion where one may
    /// have been. If it is the same, the entity is updated. If it is not, it is exhausted where its `ETag` is
    /// still that of the `If-Match`, and a conflict where it is another; of a POST, whose target is not what
    /// it makes, it stays ambiguous. Of a DELETE, `same` is not asked: an entity that is gone is updated.
    pub fn read_back(
        mut self,
        same: impl Fn(&Request<Bytes>, &Response<Bytes>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.read_back = Some(ReadBack::new(same));
        self
    }

    /// Stops with grace when `stop` is done: what is in task comes to its end, what was taken and not sent
    /// is recorded as not attempted, and no more rows are taken.
    pub fn stop_when(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(stop);
        self
    }

    /// Writes each record into this journal, and leaves out what is done by it: its records come first, and
    /// are counted, as if they were of this run.
    ///
    /// In a run that goes on, [`UpsertAll::read_back`] is also asked about a conflict of an entity that an
    /// earlier run may have sent.
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// How far the run has come, to be watched while it runs.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Upserts all rows, and reports. Dropping the future breaks off what is in task.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range; or the journal fails, which stops the run.
    ///
    /// # Panics
    ///
    /// When it is polled outside a tokio runtime whose time is enabled.
    pub async fn run(self, rows: impl Stream<Item = T>) -> Result<Report, UpsertError> {
        self.settings.check()?;
        let (upsert_run, stop) = self.upsert_run(None);
        upsert_run.run(rows, stop).await
    }

    /// Upserts all rows in a task of its own, and yields each record as soon as there is one.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range.
    ///
    /// # Panics
    ///
    /// When it is called outside a tokio runtime.
    pub fn records<I>(self, rows: I) -> Result<Records, ConfigError>
    where
        I: Stream<Item = T> + Send + 'static,
        T: Send + 'static,
    {
        self.settings.check()?;
        Ok(Records::of(|out| async move {
            let (upsert_run, stop) = self.upsert_run(Some(out));
            upsert_run.run(rows, stop).await
        }))
    }

    fn upsert_run(self, out: Option<mpsc::Sender<Record>>) -> (UpsertRun<T>, Stop) {
        let sender = Sender::new(self.wire, self.read_back, self.outbox);
        let journal = JournalHandle::new(self.journal);
        (UpsertRun::new(self.settings, self.build, sender, self.progress, out, journal), self.stop)
    }
}

impl<T> fmt::Debug for UpsertAll<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpsertAll")
            .field("settings", &self.settings)
            .field("outbox", &self.outbox)
            .field("journal", &self.journal)
            .field("reads_back", &self.read_back.is_some())
            .finish_non_exhaustive()
    }
}
