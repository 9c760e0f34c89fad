//! An API that answers from a script, and a look at what was stored.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use martello_body::Body;
use martello_outbox::{
    Detail, Entry, EntryId, Filter, Outbox, OutboxLayer, OutboxService, RunningWorker, Sent, WorkerOptions,
    WorkerOptionsBuilder,
};
use martello_outcome::BoxError;
use tokio::{sync::Semaphore, time::Instant};
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneService};

pub(crate) type Answer = Result<Response<Body>, BoxError>;
pub(crate) type Inner = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What reached the API.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Api {
    script: Arc<dyn Fn(Seen) -> Answering + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
    in_flight: Arc<InFlight>,
    /// A request is answered when it gets a permit of these.
    gate: Arc<Semaphore>,
    /// Whether the API reads the body before it answers.
    reads: bool,
}

impl Api {
    /// Answers with these, in turn, and then with 200.
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers: Mutex<VecDeque<Answer>> = Mutex::new(answers.into_iter().collect());
        Self::with(move |_| {
            let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| status(200));
            async { answer }
        })
    }

    /// Answers each request with what this makes of it.
    pub(crate) fn with<F: Future<Output = Answer> + Send + 'static>(
        script: impl Fn(Seen) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            script: Arc::new(move |seen| Box::pin(script(seen))),
            seen: Arc::default(),
            in_flight: Arc::default(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            reads: true,
        }
    }

    pub(crate) fn statuses(statuses: impl IntoIterator<Item = u16>) -> Self {
        Self::answering(statuses.into_iter().map(status))
    }

    /// Answers nothing until it is [released](Api::release).
    pub(crate) fn held(mut self) -> Self {
        self.gate = Arc::new(Semaphore::new(0));
        self
    }

    /// Answers without a look at the body.
    pub(crate) fn without_reading(mut self) -> Self {
        self.reads = false;
        self
    }

    pub(crate) fn release(&self, requests: usize) {
        self.gate.add_permits(requests);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.now.load(Ordering::SeqCst)
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.in_flight.most.load(Ordering::SeqCst)
    }

    pub(crate) fn service(&self) -> Inner {
        let api = self.clone();
        BoxCloneService::new(service_fn(move |request| api.clone().answer(request)))
    }

    async fn answer(self, request: Request<Body>) -> Answer {
        let _flight = InFlight::one(&self.in_flight);
        let (head, body) = request.into_parts();
        let body = match self.reads {
            true => Some(String::from_utf8(body.collect().await?.to_bytes().to_vec())?),
            false => None,
        };
        let seen = Seen { at: Instant::now(), path: head.uri.path().to_owned(), headers: head.headers, body };
        self.seen.lock().unwrap().push(seen.clone());
        self.gate.acquire().await?.forget();
        (self.script)(seen).await
    }
}

#[derive(Default)]
struct InFlight {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl InFlight {
    fn one(counts: &Arc<Self>) -> Flight {
        let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(now, Ordering::SeqCst);
        Flight(Arc::clone(counts))
    }
}

/// A request in flight: until it is answered or dropped.
struct Flight(Arc<InFlight>);

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(crate) fn status(status: u16) -> Answer {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status)?;
    Ok(response)
}

pub(crate) fn broken() -> Answer {
    Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
}

pub(crate) fn service(outbox: &Outbox, api: &Api) -> OutboxService<Inner> {
    OutboxLayer::new(outbox.clone()).layer(api.service())
}

pub(crate) fn put(path: &str) -> Request<Body> {
    Request::put(format!("https://api.example{path}")).body(Body::from("{}")).unwrap()
}

pub(crate) fn post(path: &str) -> Request<Body> {
    Request::post(format!("https://api.example{path}")).body(Body::from("{}")).unwrap()
}

pub(crate) async fn send(outbox: &Outbox, api: &Api, request: Request<Body>) -> Sent<Body> {
    service(outbox, api).oneshot(request).await.unwrap()
}

/// The id of a request that was deferred.
#[track_caller]
pub(crate) fn deferred<B: std::fmt::Debug>(sent: Sent<B>) -> EntryId {
    match sent {
        Sent::Deferred(ticket) => ticket.id(),
        other => panic!("not deferred but {other:?}"),
    }
}

pub(crate) async fn detail(outbox: &Outbox, id: EntryId) -> Detail {
    outbox.store().detail(id).await.unwrap().unwrap()
}

/// All that is stored, the newest first.
pub(crate) async fn stored(outbox: &Outbox) -> Vec<Entry> {
    outbox.store().list(Filter::default(), None, 1_000).await.unwrap().entries
}

/// Options of a worker whose jitter is the same in each run.
pub(crate) fn options() -> WorkerOptionsBuilder {
    WorkerOptions::builder().seed(7)
}

pub(crate) fn work(outbox: &Outbox, api: &Api) -> RunningWorker {
    work_with(outbox, api, options())
}

pub(crate) fn work_with(outbox: &Outbox, api: &Api, options: WorkerOptionsBuilder) -> RunningWorker {
    outbox.worker(api.service()).with_options(options.build().unwrap()).start()
}

/// Stores a request and tells its id.
pub(crate) async fn enqueued(outbox: &Outbox, request: Request<Body>) -> EntryId {
    outbox.enqueue(request).await.unwrap().id()
}

/// The entry once no worker has it and it has had so many attempts.
pub(crate) async fn settled(outbox: &Outbox, id: EntryId, attempts: u32) -> Detail {
    loop {
        let detail = detail(outbox, id).await;
        if detail.entry.state != martello_outbox::State::Leased && detail.entry.attempts >= attempts {
            return detail;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

pub(crate) fn seconds(seconds: u64) -> std::time::Duration {
    std::time::Duration::from_secs(seconds)
}

/// This, which fails if it is woken more often than it has reason to: without a pause, it would leave no time
/// to pass.
pub(crate) async fn woken_at_most<F: Future>(times: usize, future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        assert!(polls <= times, "it is woken again and again");
        future.as_mut().poll(cx)
    })
    .await
}
