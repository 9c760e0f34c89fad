mod acknowledge;
mod checkpoint;
mod delivered;
mod failure;
mod for_each;
mod lease;
mod pass;
mod pending;
mod schedule;
mod server_clock;
mod step;
mod walk;

use std::{fmt, marker::PhantomData, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use jiff::Timestamp;
use martello_outcome::BoxError;
use tokio::{sync::watch, time::Instant};
use tower_service::Service;

pub(crate) use pending::PendingBatch;

pub(crate) use step::Step;

use self::{
    delivered::DeliveredItems, lease::Lease, pass::Pass, pending::ReportedIssues, schedule::PollSchedule,
};
use crate::{
    Acquired, Boundary, Checkpoint, CheckpointFuture, CheckpointStore, NewParked, ParkedId, PollOptions,
    ResyncReason, Source,
    source::{ErasedSource, SourceClient},
};

/// Polls a source for changes, in passes.
///
/// It works only while [`next`](Self::next) or [`for_each`](Self::for_each) is polled. While it holds the
/// checkpoint, a task renews the lease, so it needs a tokio runtime. Dropping it has the effect of a crash:
/// nothing that was acknowledged is lost, items may be delivered again, and another poller can acquire the
/// checkpoint when the lease expires.
///
/// ```
/// use martello_poll::{JsonCursor, JsonSince, MemoryCheckpoint, Poller};
/// # type Api = tower::util::BoxCloneService<http::Request<martello_body::Body>, http::Response<martello_body::Body>, martello_poll::BoxError>;
///
/// # fn poller(api: Api) -> Result<Poller, martello_poll::ConfigError> {
/// let orders = JsonSince::new("https://api.example/orders", |url| JsonCursor::new(url))?;
/// let poller = Poller::new(api, orders, MemoryCheckpoint::default());
/// # Ok(poller)
/// # }
/// ```
pub struct Poller {
    source: Box<dyn ErasedSource>,
    store: Arc<dyn CheckpointStore>,
    options: PollOptions,
    schedule: PollSchedule,
    stopper: Stopper,
    lease: Option<Lease>,
    /// Kept here, so that an acquired checkpoint is not lost if `next` is dropped.
    acquiring: Option<CheckpointFuture<'static, Acquired>>,
    checkpoint: Checkpoint,
    delivered: DeliveredItems,
    reported: ReportedIssues,
    /// The `ETag` of the response to a request from this time on. All its items are acknowledged.
    etag: Option<(Option<Timestamp>, HeaderValue)>,
    pass: Option<Pass>,
    pending: Option<PendingBatch>,
    unsaved: Unsaved,
    /// Whether the next pass requests everything.
    everything: bool,
    /// Whether a failure happened since the last pass ended.
    failed: bool,
    resync: Option<(Option<Duration>, ResyncReason)>,
    finished_pass: Option<FinishedPass>,
    /// The poller waits until then.
    due: Option<Instant>,
}

/// Changes that are not saved yet.
#[derive(Clone, Debug, Default)]
struct Unsaved {
    park: Vec<NewParked>,
    unpark: Vec<ParkedId>,
    /// The poller saves before it continues.
    required: bool,
    /// The poller saves after the next response of the source.
    after_response: bool,
    /// A batch was acknowledged; the poller saves when it is stopped.
    progress: bool,
}

/// A finished pass. It is reported after it is saved.
#[derive(Debug)]
struct FinishedPass {
    began: Instant,
    items: u64,
    next: Instant,
}

impl Poller {
    /// Polls `source` through `service`, and keeps the checkpoint in `store`.
    ///
    /// Each request uses a clone of the service. Retries and timeouts are the task of the service.
    pub fn new<S, P, B, R>(service: S, source: P, store: impl CheckpointStore) -> Self
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        P: Source,
        B: From<Bytes> + Send + 'static,
        R: Body + Send + 'static,
        R::Error: Into<BoxError>,
    {
        let source = SourceClient { service, source, exchange: PhantomData::<fn(B) -> R> };
        Self::with_parts(Box::new(source), Arc::new(store), PollOptions::default())
    }

    /// Replaces the options.
    ///
    /// ```
    /// use std::time::Duration;
    /// use martello_poll::{ConfigError, PollOptions, Poller};
    ///
    /// fn fast(poller: Poller) -> Result<Poller, ConfigError> {
    ///     Ok(poller.with_options(PollOptions::builder().interval(Duration::from_secs(5)).build()?))
    /// }
    /// ```
    #[must_use]
    pub fn with_options(self, options: PollOptions) -> Self {
        Self { stopper: self.stopper, ..Self::with_parts(self.source, self.store, options) }
    }

    fn with_parts(
        source: Box<dyn ErasedSource>,
        store: Arc<dyn CheckpointStore>,
        options: PollOptions,
    ) -> Self {
        Self {
            checkpoint: Checkpoint::fresh(source.fingerprint()),
            source,
            store,
            schedule: PollSchedule::new(&options),
            delivered: DeliveredItems::new(options.remember),
            options,
            stopper: Stopper::new(),
            lease: None,
            acquiring: None,
            reported: ReportedIssues::default(),
            etag: None,
            pass: None,
            pending: None,
            unsaved: Unsaved::default(),
            everything: false,
            failed: false,
            resync: None,
            finished_pass: None,
            due: None,
        }
    }

    /// Returns a handle that stops the poller.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    pub(crate) fn pending(&self) -> Option<&PendingBatch> {
        self.pending.as_ref()
    }

    /// The start of the time range that the next pass requests.
    fn since(&self) -> Option<Timestamp> {
        let earlier = match self.source.boundary() {
            Boundary::Inclusive => Duration::ZERO,
            Boundary::Exclusive => Duration::from_millis(1),
        };
        let since = self.checkpoint.watermark?.checked_sub(self.options.overlap + earlier);
        Some(since.unwrap_or(Timestamp::MIN))
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("store", &self.store)
            .field("options", &self.options)
            .field("watermark", &self.checkpoint.watermark)
            .field("holds", &self.lease.is_some())
            .finish_non_exhaustive()
    }
}

/// Stops a [`Poller`] from another task. A clone stops the same poller.
///
/// ```
/// use martello_poll::{Event, PollError, Poller};
///
/// async fn run(mut poller: Poller) -> Result<(), PollError> {
///     let stopper = poller.stopper();
///     tokio::spawn(async move {
///         tokio::time::sleep(std::time::Duration::from_secs(60)).await;
///         stopper.stop();
///     });
///     poller.for_each(async |item: serde_json::Value| Ok::<_, std::io::Error>(drop(item))).await
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Stops the poller: it ends its wait, saves what was acknowledged, and releases the checkpoint. A batch
    /// that you are processing stays valid.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn stopped(&self) {
        // The sender is alive, so this cannot fail.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}
