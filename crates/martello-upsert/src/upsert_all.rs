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
    run::{BuildRequest, JournalHandle, KeyBy, StopFuture, UpsertRun},
    send::{ReadBack, Sender, Wire},
    settings::Settings,
};

/// Writes the entities of a stream, with one request each and a limited number at a time. See the [crate
/// docs](crate).
///
/// `T` is a row of the input. The settings are checked when the run begins.
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
/// let upserts = UpsertAll::new(stack, |id: &u32| Request::put(format!("https://api.example/orders/{id}")).body("{}"))
///     .concurrency(3)
///     .latest_wins();
/// let report = upserts.run(stream::iter([1, 2, 3])).await?;
/// assert_eq!(report.counts().written(), 3);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent until it runs"]
pub struct UpsertAll<T> {
    wire: Wire,
    build: BuildRequest<T>,
    settings: Settings,
    outbox: Option<Outbox>,
    read_back: Option<ReadBack>,
    journal: Option<Journal>,
    stop: StopFuture,
    progress: watch::Sender<Progress>,
}

impl<T> UpsertAll<T> {
    /// Upserts through `service`, a finished stack. `to_request` builds the request of each row.
    ///
    /// If `to_request` fails, the row is recorded as rejected, with the error as its reason, and the run goes
    /// on. An input that can fail may yield `Result`s, whose errors `to_request` returns.
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

    /// Sets how many requests run concurrently: 1 to 1,000. The default is 5.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.settings.concurrency = most;
        self
    }

    /// Orders the entities by a key of each row: 1 to 512 bytes without control characters. A row with an
    /// invalid key is rejected.
    ///
    /// By default, the key is the target of a PUT, PATCH or DELETE, and other requests are not ordered.
    ///
    /// ```
    /// # use http::Request;
    /// # use martello_upsert::UpsertAll;
    /// # struct Stop { order: u32, json: &'static str }
    /// # let stack = tower::service_fn(|_: Request<martello_body::Body>| async {
    /// #     Ok::<_, http::Error>(http::Response::new(martello_body::Body::empty()))
    /// # });
    /// let upserts = UpsertAll::new(stack, |stop: &Stop| Request::post("https://api.example/stops").body(stop.json))
    ///     .key_by(|stop| format!("order/{}", stop.order));
    /// ```
    pub fn key_by<K: Into<String>>(mut self, mut key: impl FnMut(&T) -> K + Send + 'static) -> Self {
        self.build.key_by = KeyBy::Row(Box::new(move |row| key(row).into()));
        self
    }

    /// Does not order the entities. Use it if no entity comes twice.
    pub fn unordered(mut self) -> Self {
        self.build.key_by = KeyBy::Nothing;
        self
    }

    /// Lets a newer entity supersede an older one of the same resource that waits. By default all are
    /// written, in order.
    ///
    /// A PUT or DELETE supersedes another one to the same target, with the same headers such as `x-tenant`.
    /// With [`UpsertAll::key_by`], every entity supersedes the older ones of its key: use that only if each
    /// carries the whole state. A deferred entity then also supersedes the older entries of its key in the
    /// outbox. Without `key_by` it waits behind them, because an entry with the same key may carry only a
    /// part.
    pub fn latest_wins(mut self) -> Self {
        self.settings.latest_wins = true;
        self
    }

    /// Sets how many entities may wait for an older one of their key before the run stops reading the input:
    /// 0 to 100,000. The default is 1,000. One more may wait, because the run knows that an entity must wait
    /// only after it has read it.
    pub fn look_ahead(mut self, most: usize) -> Self {
        self.settings.look_ahead = most;
        self
    }

    /// Sets how many bytes of requests (body, URL and headers) may wait before the run stops reading the
    /// input: 0 to 1 GiB. The default is 64 MiB, a thousand rows of 64 KiB. The row that exceeds the limit
    /// still waits.
    pub fn look_ahead_bytes(mut self, most: usize) -> Self {
        self.settings.look_ahead_bytes = most;
        self
    }

    /// Stores the entities that fail for now in this outbox, as an
    /// [`OutboxLayer`](martello_outbox::OutboxLayer) does.
    ///
    /// An exhausted entity is then deferred, and so are the next ones of its key. An ambiguous entity that
    /// must not be sent twice becomes a dead letter.
    pub fn defer_to(mut self, outbox: &Outbox) -> Self {
        self.outbox = Some(outbox.clone());
        self
    }

    /// Reads an entity back if it may have been written although the response does not say so. `same`
    /// compares the request that was sent with the response to a GET of the same target, of at most 1 MiB.
    ///
    /// That happens after an ambiguous outcome; after a conflict, if an earlier attempt may have been
    /// processed; and after an exhausted DELETE or conditional request (`If-Match`), if an attempt may have
    /// been processed.
    ///
    /// If the two are the same, the outcome is updated. If not, it is exhausted if the `ETag` is still that
    /// of the `If-Match`, and conflict if it is another. A POST stays ambiguous, because its target is not
    /// the entity that it creates. For a DELETE, `same` is not called: if the entity is gone, the outcome is
    /// updated.
    ///
    /// ```
    /// # use http::Request;
    /// # use martello_upsert::UpsertAll;
    /// # let stack = tower::service_fn(|_: Request<martello_body::Body>| async {
    /// #     Ok::<_, http::Error>(http::Response::new(martello_body::Body::empty()))
    /// # });
    /// let upserts = UpsertAll::new(stack, |id: &u32| Request::put(format!("https://api.example/{id}")).body("{}"))
    ///     .read_back(|sent, found| sent.body() == found.body());
    /// ```
    pub fn read_back(
        mut self,
        same: impl Fn(&Request<Bytes>, &Response<Bytes>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.read_back = Some(ReadBack::new(same));
        self
    }

    /// Stops the run gracefully when `stop` ends: it waits for the requests in flight, records the entities
    /// that wait as not attempted, and reads no more rows.
    ///
    /// ```
    /// # use futures_util::stream;
    /// # use http::{Request, Response};
    /// # use martello_upsert::UpsertAll;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stack = tower::service_fn(|_: Request<martello_body::Body>| async {
    /// #     Ok::<_, http::Error>(Response::new(martello_body::Body::empty()))
    /// # });
    /// let upserts = UpsertAll::new(stack, |id: &u32| Request::put(format!("https://api.example/{id}")).body("{}"))
    ///     .stop_when(async { /* such as `tokio::signal::ctrl_c()` */ });
    /// let report = upserts.run(stream::iter([1, 2, 3])).await?;
    /// assert!(report.is_stopped());
    /// # Ok(())
    /// # }
    /// ```
    pub fn stop_when(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(stop);
        self
    }

    /// Writes each record into this journal, and skips the entities that are done in it. Their records come
    /// first, and count as if they were of this run.
    ///
    /// In a resumed run, [`UpsertAll::read_back`] is also used for a conflict of an entity that an earlier
    /// run may have sent.
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// A watch on the run's progress.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Upserts all rows. Dropping the future aborts the requests in flight.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range; or the journal fails, which stops the run.
    ///
    /// # Panics
    ///
    /// When polled outside a tokio runtime whose time is enabled.
    pub async fn run(self, rows: impl Stream<Item = T>) -> Result<Report, UpsertError> {
        self.settings.check()?;
        let (upsert_run, stop) = self.upsert_run(None);
        upsert_run.run(rows, stop).await
    }

    /// Upserts all rows in a task, and yields each record as soon as it is known.
    ///
    /// # Errors
    ///
    /// When a setting is out of its range.
    ///
    /// # Panics
    ///
    /// When called outside a tokio runtime.
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

    fn upsert_run(self, out: Option<mpsc::Sender<Record>>) -> (UpsertRun<T>, StopFuture) {
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
