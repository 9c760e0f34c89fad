//! An API that answers from a script, and a look at what was stored.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt;
use martello_body::Body;
use martello_outbox::{Detail, Entry, EntryId, Filter, Outbox, OutboxLayer, OutboxService, Sent};
use martello_outcome::BoxError;
use tokio::sync::Semaphore;
use tower::{Layer, ServiceExt, service_fn, util::BoxCloneService};

pub(crate) type Answer = Result<Response<Body>, BoxError>;
pub(crate) type Inner = BoxCloneService<Request<Body>, Response<Body>, BoxError>;

/// What reached the API.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<String>,
}

#[derive(Clone)]
pub(crate) struct Api {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    /// A request is answered when it gets a permit of these.
    gate: Arc<Semaphore>,
    /// Whether the API reads the body before it answers.
    reads: bool,
}

impl Api {
    /// Answers with these, in turn, and then with 200.
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            seen: Arc::default(),
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

    pub(crate) fn service(&self) -> Inner {
        let api = self.clone();
        BoxCloneService::new(service_fn(move |request| api.clone().answer(request)))
    }

    async fn answer(self, request: Request<Body>) -> Answer {
        let (head, body) = request.into_parts();
        let body = match self.reads {
            true => Some(String::from_utf8(body.collect().await?.to_bytes().to_vec())?),
            false => None,
        };
        self.seen.lock().unwrap().push(Seen { headers: head.headers, body });
        self.gate.acquire().await?.forget();
        self.answers.lock().unwrap().pop_front().unwrap_or_else(|| status(200))
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

pub(crate) fn door(outbox: &Outbox, api: &Api) -> OutboxService<Inner> {
    OutboxLayer::new(outbox.clone()).layer(api.service())
}

pub(crate) fn put(path: &str) -> Request<Body> {
    Request::put(format!("https://api.example{path}")).body(Body::from("{}")).unwrap()
}

pub(crate) fn post(path: &str) -> Request<Body> {
    Request::post(format!("https://api.example{path}")).body(Body::from("{}")).unwrap()
}

pub(crate) async fn send(outbox: &Outbox, api: &Api, request: Request<Body>) -> Sent<Body> {
    door(outbox, api).oneshot(request).await.unwrap()
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
