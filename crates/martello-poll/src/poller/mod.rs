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

/// Polls a source for what changed since, pass after pass.
///
/// It does something only while [`next`](Self::next) or [`for_each`](Self::for_each) is polled; but while it
/// holds the checkpoint, a task of its own renews the lease, so that it wants a tokio runtime. Dropping it is
/// a crash: nothing that was acknowledged is lost, items may be delivered again, and another poller gets the
/// checkpoint when the lease has run out.
pub struct Poller {
    source: Box<dyn ErasedSource>,
    store: Arc<dyn CheckpointStore>,
    options: PollOptions,
    schedule: PollSchedule,
    stopper: Stopper,
    lease: Option<Lease>,
    /// Kept here, so that a checkpoint that was acquired is not forgotten where `next` is dropped.
    acquiring: Option<CheckpointFuture<'static, Acquired>>,
    checkpoint: Checkpoint,
    delivered: DeliveredItems,
    reported: ReportedIssues,
    /// The `ETag` of what the source answered from this moment on, all of which was acknowledged.
    etag: Option<(Option<Timestamp>, HeaderValue)>,
    pass: Option<Pass>,
    pending: Option<PendingBatch>,
    unsaved: Unsaved,
    /// Whether the next pass asks for everything.
    everything: bool,
    /// Whether something failed since the last pass ended.
    failed: bool,
    resync: Option<(Option<Duration>, ResyncReason)>,
    finished_pass: Option<FinishedPass>,
    /// Nothing is done before.
    due: Option<Instant>,
}

/// What the store has not heard of.
#[derive(Clone, Debug, Default)]
struct Unsaved {
    park: Vec<NewParked>,
    unpark: Vec<ParkedId>,
    /// Something must be saved before the poll goes on.
    required: bool,
    /// Something must be saved as soon as the source has answered.
    after_response: bool,
    /// Something was acknowledged that is worth saving at a stop.
    progress: bool,
}

/// A pass that is over, and is to be reported when it is saved.
#[derive(Debug)]
struct FinishedPass {
    began: Instant,
    items: u64,
    next: Instant,
}

impl Poller {
    /// Polls this source with this service, and keeps its checkpoint in this store.
    ///
    /// The service is cloned and readied for each request, and has to see to retries and timeouts itself.
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

    /// Polls in this way instead.
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

    /// What stops it from elsewhere.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    pub(crate) fn pending(&self) -> Option<&PendingBatch> {
        self.pending.as_ref()
    }

    /// From when on the next pass asks.
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

/// Stops a [`Poller`](crate::Poller) from elsewhere. A clone stops the same one.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Has the poller give up what it waits for, save what was acknowledged, release the checkpoint, and end.
    /// A batch that the user works on is not taken away.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    pub(super) async fn stopped(&self) {
        // The sender is alive, so that this cannot fail.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}
