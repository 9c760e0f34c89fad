//! The worker, which delivers stored requests.
//!
//! From the end of a delivery to the stored entry:
//!
//! 1. `DeliveryResult`: how the delivery ended, with or without an attempt.
//! 2. `AttemptResult`: what happened in the attempt.
//! 3. `Disposition`: what to do with the request. The layer follows the same rule.
//! 4. `End`: that, with the wait until the next attempt.
//! 5. `Settlement`: the end, the attempt's record and the change of the hold. The next turn sends it.
//! 6. `Settled`: whether the store applied the settlement or fenced it.

mod attempt_result;
mod claim_pause;
mod claimed_entry;
mod claims;
mod deliveries;
mod delivery;
mod delivery_result;
mod earlier_attempts;
mod failure_backoff;
mod health;
mod holds;
mod kept_start;
mod leases;
mod monitor;
mod options;
mod policy;
mod pruning;
mod reporter;
mod response_head;
mod run_loop;
mod running;
mod settlements;
mod shutdown;
mod stop;
mod store_op;
mod streaks;
#[cfg(test)]
mod test_support;
mod turns;

use std::{fmt, future::Future};

use http::{Request, Response};
use martello_body::Body;
use martello_outcome::BoxError;
use tower_service::Service;

use self::{delivery::Delivery, run_loop::RunLoop};
pub use self::{
    health::{WorkerHealth, WorkerPhase},
    monitor::WorkerMonitor,
    options::{WorkerOptions, WorkerOptionsBuilder},
    running::RunningWorker,
};
use crate::Outbox;

impl Outbox {
    /// A worker that delivers the entries of this queue through `service`: a finished stack without an
    /// [`OutboxLayer`](crate::OutboxLayer). It does nothing until it is started.
    ///
    /// ```
    /// use martello_body::Body;
    /// use martello_outbox::{MemoryStore, Outbox, State};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let http = tower::service_fn(|_: http::Request<Body>| async {
    /// #     Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    /// # });
    /// let outbox = Outbox::new(MemoryStore::new());
    /// let request = http::Request::put("https://api.example/orders/17").body(Body::from("{}"))?;
    /// let ticket = outbox.enqueue(request).await?;
    ///
    /// let worker = outbox.worker(http).start();
    /// assert_eq!(ticket.ended().await?.state, State::Done);
    /// worker.shutdown().await;
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub fn worker<S>(&self, service: S) -> Worker<S> {
        Worker {
            monitor: WorkerMonitor::new(self.settings.concurrency),
            outbox: self.clone(),
            service,
            options: WorkerOptions::default(),
        }
    }
}

/// Delivers the entries of one queue. Any number of workers may share a queue.
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
/// A *claim* is one attempt. The worker sends the entry's request through a clone of the service, once. The
/// request has [`CallOptions::without_retry`](martello_outcome::CallOptions::without_retry), which a retry
/// layer in the stack follows, and the entry's id as its [`CallerId`](martello_outcome::CallerId), which the
/// log layers write.
///
/// The outcome of the attempt decides what becomes of the entry:
///
/// | outcome | the entry |
/// |---|---|
/// | success | is done |
/// | rejected | becomes a dead letter, with the first 512 bytes of the response's body |
/// | unsent, because the client [refuses it](martello_outcome::ErrorKind::Unsendable) | becomes a dead letter, as rejected |
/// | ambiguous, or a 5xx other than 503, if the entry is not repeatable | becomes a dead letter, as ambiguous |
/// | faulty | is sent again after a wait, until it expires; the attempt does not count |
/// | unavailable, unsent, ambiguous | is sent again after a wait, until its attempts are used up |
///
/// Rows are tried from the top. The outcome is that of
/// [`OutboxBuilder::classifier`](crate::OutboxBuilder::classifier); give it the stack's.
///
/// The worker waits for the backoff, or for the response's `Retry-After` if that is longer.
///
/// The worker gives an entry back, and the attempt does not count:
///
/// - when the worker shuts down while the request is still queued or not yet called;
/// - when a limit layer refuses the request, or the service is not ready within the attempt timeout;
/// - when a layer around the client fails before it calls the client
///   ([`CallError::is_untried`](martello_outcome::CallError::is_untried));
/// - when the entry is sealed and the worker has no [`Sealing`](crate::Sealing). It then also pauses for up
///   to 10 s, and logs one error.
///
/// A panic of the service is an ambiguous attempt. An entry whose body cannot be opened, or whose URL is not
/// http or https, becomes a dead letter, as rejected.
///
/// If an earlier attempt at the same revision may have been processed, a rejection may be its result
/// ([`Outcome::after_uncertain_attempt`](martello_outcome::Outcome::after_uncertain_attempt)). A DELETE that
/// finds nothing is then done, and a request that meets a conflict becomes a dead letter as ambiguous, not as
/// rejected. Look at the resource before you replay it.
///
/// After some failures in a row of one [authority](crate::StoredRequest::authority) (five by default), the
/// worker holds it in the queue, for all workers: from one second to a minute, or up to an hour if a
/// `Retry-After` asks for it. Successes, rejections and requests that the client refuses are not failures.
/// After the hold, all workers together try one entry of it at a time, as a probe, until the authority
/// accepts or rejects one. At most half of a queue's deliveries are probes. So an outage or an expired token
/// costs few attempts and makes no dead letters, and the other authorities of the queue go on.
///
/// If a layer fails before it calls the client, the worker holds the authority at once. It also pauses for
/// 100 ms, and up to 1 s while no other request reaches its client.
/// [`QueueStats::holds`](crate::QueueStats::holds) lists the holds and their reasons;
/// [`Store::resume`](crate::Store::resume) ends them.
///
/// # Where it goes in a stack
///
/// Around a finished stack: limit, logs, tracking, and the layer that adds credentials, around the client.
/// Without credentials, that layer should fail with
/// [`CallError::unsent`](martello_outcome::CallError::unsent): the entry is sent again later, and the attempt
/// does not count. Use the limit that the other callers of the API share. A retry layer is not needed.
///
/// # What it does not do
///
/// It does not deliver exactly once. If a worker dies after it has sent a request and before it has settled
/// it, the request is sent again if it is repeatable. While the worker runs, it renews its leases. It cancels
/// the deliveries whose leases it cannot renew, so that no more are in flight than
/// [`concurrency`](crate::OutboxBuilder::concurrency) allows.
#[must_use = "a worker does nothing until it is started"]
pub struct Worker<S> {
    outbox: Outbox,
    service: S,
    options: WorkerOptions,
    monitor: WorkerMonitor,
}

impl<S> Worker<S> {
    /// Replaces the default options.
    ///
    /// ```
    /// use std::time::Duration;
    /// use martello_outbox::{MemoryStore, Outbox, WorkerOptions};
    ///
    /// # fn example<S>(stack: S) -> Result<(), martello_outbox::ConfigError> {
    /// let options = WorkerOptions::builder().grace(Duration::from_secs(10)).build()?;
    /// let worker = Outbox::new(MemoryStore::new()).worker(stack).with_options(options);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_options(mut self, options: WorkerOptions) -> Self {
        self.options = options;
        self
    }

    /// A monitor, which reads the worker's health from now until after its end.
    #[must_use]
    pub fn monitor(&self) -> WorkerMonitor {
        self.monitor.clone()
    }

    /// Runs the worker as a task.
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
        // An error of `stop` means that the `RunningWorker` was dropped, which aborts the task.
        RunningWorker::spawn(monitor, |stop| self.run_until(stop))
    }

    /// Runs the worker until `stop` ends, and then shuts it down as [`RunningWorker::shutdown`] does.
    ///
    /// Dropping the future aborts the deliveries, as dropping a [`RunningWorker`] does.
    ///
    /// ```
    /// # use martello_body::Body;
    /// # use martello_outbox::{MemoryStore, Outbox};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let http = tower::service_fn(|_: http::Request<Body>| async {
    /// #     Ok::<_, std::convert::Infallible>(http::Response::new(Body::empty()))
    /// # });
    /// # let outbox = Outbox::new(MemoryStore::new());
    /// let ticket = outbox.enqueue(http::Request::put("https://api.example/1").body(Body::empty())?).await?;
    /// // Until this request is delivered; in a service, until `tokio::signal::ctrl_c()`.
    /// outbox.worker(http).run_until(ticket.ended()).await;
    /// # Ok(())
    /// # })
    /// # }
    /// ```
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
        let make_delivery = move |delivery: Delivery, stop| {
            #[cfg(feature = "metrics")]
            let gauge = crate::metrics::InFlightGauge::one(&delivery.entry().queue);
            let delivery = delivery::deliver(service.clone(), delivery, stop);
            #[cfg(feature = "metrics")]
            let delivery = gauge.during(delivery);
            delivery
        };
        #[cfg(feature = "metrics")]
        let observed = outbox.clone();
        let run = RunLoop::new(outbox, options, monitor, make_delivery).run(stop);
        #[cfg(feature = "metrics")]
        let run = {
            let cap = observed.settings.concurrency;
            crate::metrics::update_gauges_during(observed.store(), observed.queue(), cap, run)
        };
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
