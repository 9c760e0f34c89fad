//! What delivers: a worker.

mod delivery;
mod delivery_result;
mod earlier_attempts;
mod excerpt;
mod failure_backoff;
mod health;
mod in_flight;
mod leases;
mod options;
mod pace;
mod policy;
mod run_loop;
mod running;
mod settlements;
mod store_op;
mod turns;

use std::{fmt, future::Future};

use http::{Request, Response};
use martello_body::Body;
use martello_outcome::BoxError;
use tokio::{sync::oneshot, task::JoinSet};
use tower_service::Service;

use self::run_loop::RunLoop;
pub use self::{
    health::{WorkerHealth, WorkerMonitor, WorkerPhase},
    options::{WorkerOptions, WorkerOptionsBuilder},
    running::RunningWorker,
};
use crate::Outbox;

impl Outbox {
    /// A worker that delivers what is in this queue through `service`: a finished stack, without an
    /// [`OutboxLayer`](crate::OutboxLayer). It does nothing until it is started.
    pub fn worker<S>(&self, service: S) -> Worker<S> {
        Worker {
            monitor: WorkerMonitor::new(self.settings.concurrency),
            outbox: self.clone(),
            service,
            options: WorkerOptions::default(),
        }
    }
}

/// Delivers the requests of one queue, any number of workers beside each other.
///
/// ```no_run
/// use martello_body::Body;
/// use martello_outbox::{MemoryStore, Outbox, WorkerOptions};
///
/// # async fn example<S>(stack: S) -> Result<(), Box<dyn std::error::Error>>
/// # where
/// #     S: tower::Service<http::Request<Body>, Response = http::Response<Body>, Error = std::convert::Infallible>,
/// #     S: Clone + Send + 'static,
/// #     S::Future: Send,
/// # {
/// let outbox = Outbox::new(MemoryStore::new());
/// let worker = outbox.worker(stack).start();
/// println!("{:?}", worker.health());
/// worker.shutdown().await;
/// # Ok(())
/// # }
/// ```
///
/// # What it does
///
/// A *claim* is one attempt. The entry's request goes through a clone of the service, once: it bears
/// [`CallOptions::without_retry`](martello_outcome::CallOptions::without_retry), which a retry layer in the stack
/// follows, and the entry's id as its [`CallerId`](martello_outcome::CallerId), which the log layers write.
///
/// How the attempt ended decides what becomes of the entry:
///
/// | outcome | the entry |
/// |---|---|
/// | success | is done |
/// | unavailable, unsent | goes again after a wait, until it has had its attempts |
/// | faulty | goes again after a wait, until it expires: it does not count as one of its attempts |
/// | rejected | is a dead letter, with the first 512 bytes of the response's body |
/// | unsent, because the client [refuses it](martello_outcome::ErrorKind::Unsendable) | is a dead letter, as rejected |
/// | ambiguous, and any 5xx but 503 | goes again if it is repeatable, else it is a dead letter |
///
/// The wait is the greater of the backoff and the response's `Retry-After`. What was claimed but not sent is given back
/// and does not count: at a shutdown, while the stack's limit lets it wait, when the limit would not take it, or when a
/// layer around the client could not even call it ([`CallError::is_untried`](martello_outcome::CallError::is_untried)).
/// A service that panics has made an ambiguous attempt. An entry whose body cannot be opened, or whose URL is no http
/// or https, is a dead letter, as rejected; a worker that has no [`Sealing`](crate::Sealing) at all to open it with
/// gives it back, rests for up to 10 s, and says so once, as an error.
///
/// A rejection may be the entry's own doing, if an earlier attempt at the same revision may have been processed
/// ([`Outcome::after_doubt`](martello_outcome::Outcome::after_doubt)): a DELETE that finds nothing then is done, and
/// what meets a conflict is a dead letter as ambiguous, not as rejected. Look at the resource before you replay it.
///
/// After some failures of one API in a row (five by default: anything but a success, a rejection and what the client
/// refuses) the worker holds its [authority](crate::StoredRequest::authority) in the queue, for all workers, from one
/// second up to a minute, or up to an hour if a `Retry-After` asks for it. Then one entry of it at a time is tried, as
/// a probe, over all workers, until the API accepts or rejects one; of a queue, at most half of the deliveries are
/// probes. So an outage, or a token that has run out, costs few attempts and makes no dead letters, and the other APIs
/// of the queue go on. What could not be tried holds its authority at once, and lets the worker rest for 100 ms, and up
/// to 1 s where nothing else gets through. [`QueueStats::holds`](crate::QueueStats::holds) shows what is held, and why;
/// [`Store::resume`](crate::Store::resume) ends it.
///
/// # Where it goes
///
/// Around a finished stack: limit, logs, tracking, and what puts credentials on a request, around the client: where it
/// has none, it fails with a [`CallError::unsent`](martello_outcome::CallError::unsent), and the entry goes again,
/// uncounted. Give it the limit that the other callers of the API share. A retry layer is not needed.
///
/// # What it does not do
///
/// It does not deliver exactly once. A worker that dies after it has sent and before it has settled leaves an entry
/// that is sent again if it is repeatable. While it runs, it renews its leases; what it cannot renew it drops, so that
/// no more are on the wire than [`concurrency`](crate::OutboxBuilder::concurrency) allows.
#[must_use = "a worker does nothing until it is started"]
pub struct Worker<S> {
    outbox: Outbox,
    service: S,
    options: WorkerOptions,
    monitor: WorkerMonitor,
}

impl<S> Worker<S> {
    /// This worker, with these options in place of the defaults.
    pub fn with_options(mut self, options: WorkerOptions) -> Self {
        self.options = options;
        self
    }

    /// What tells how it stands, from now on until after its end.
    #[must_use]
    pub fn monitor(&self) -> WorkerMonitor {
        self.monitor.clone()
    }

    /// Runs it as a task of its own.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start<R>(self) -> RunningWorker
    where
        S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        R: http_body::Body + Send + 'static,
    {
        let monitor = self.monitor.clone();
        let (stop, stopped) = oneshot::channel();
        let mut task = JoinSet::new();
        task.spawn(self.run_until(async {
            // If nobody is left who could say so, the worker is about to be aborted.
            let _ = stopped.await;
        }));
        RunningWorker { task, stop, monitor }
    }

    /// Runs it until `stop` ends, and then shuts it down as [`RunningWorker::shutdown`] does.
    ///
    /// Dropping the future aborts the deliveries under way, as dropping a [`RunningWorker`] does.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime whose time is enabled.
    pub async fn run_until<R, F>(self, stop: F)
    where
        S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        R: http_body::Body + Send + 'static,
        F: Future,
    {
        let Self { outbox, service, options, monitor } = self;
        let send = move |delivery: delivery::Delivery, stop| {
            #[cfg(feature = "metrics")]
            let measured = crate::metrics::InFlightGauge::one(delivery.outbox.queue());
            let delivery = delivery::deliver(service.clone(), delivery, stop);
            #[cfg(feature = "metrics")]
            let delivery = measured.during(delivery);
            delivery
        };
        #[cfg(feature = "metrics")]
        let looking = outbox.clone();
        let run = RunLoop::new(outbox, options, monitor).run(send, stop);
        #[cfg(feature = "metrics")]
        let run = crate::metrics::look_while(&looking, run);
        run.await;
    }
}

impl<S> fmt::Debug for Worker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("outbox", &self.outbox)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
