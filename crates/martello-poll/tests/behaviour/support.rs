//! A server in memory that answers by a function, and shortcuts through events.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use martello_body::Body;
use martello_poll::{
    Boundary, Event, JsonCursor, JsonSince, MemoryCheckpoint, PollErrorKind, PollOptions, Poller, RawValue,
};
use tower::Service;

pub(crate) const URL: &str = "http://api.example/p?state=released";

/// A moment of 29 November 2024, in the morning.
pub(crate) fn at(time: &str) -> String {
    format!("2024-11-29T{time}Z")
}

/// `Fri, 29 Nov 2024 …`
pub(crate) fn date(time: &str) -> String {
    format!("Fri, 29 Nov 2024 {time} GMT")
}

/// A page of these items, dated.
pub(crate) fn page(time: &str, items: &str, next: &str) -> Answer {
    Answer::ok(&format!(r#"{{"data":[{items}],"cursor":{{"next":"{next}"}}}}"#)).header("date", &date(time))
}

pub(crate) fn item(id: &str, time: &str) -> String {
    format!(r#"{{"id":"{id}","updated_at":"{}"}}"#, at(time))
}

pub(crate) struct Answer(Response<Full<Bytes>>);

impl Answer {
    pub(crate) fn ok(body: &str) -> Self {
        Self(Response::new(Full::from(body.to_owned())))
    }

    pub(crate) fn status(status: u16) -> Self {
        Self(Response::builder().status(status).body(Full::default()).unwrap())
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

type Handler = dyn FnMut(usize) -> Answer + Send;

/// Answers the n-th request, from 0.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<State>>);

struct State {
    asked: Vec<(String, HeaderMap)>,
    handler: Box<Handler>,
}

impl Server {
    pub(crate) fn new(handler: impl FnMut(usize) -> Answer + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State { asked: Vec::new(), handler: Box::new(handler) })))
    }

    /// The queries that were asked, without the filter.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = |(query, _): &(String, HeaderMap)| query.replace("state=released", "").replace('&', " ");
        self.0.lock().unwrap().asked.iter().map(|asking| asked(asking).trim().to_owned()).collect()
    }

    pub(crate) fn header(&self, request: usize, name: &str) -> Option<String> {
        let asked = &self.0.lock().unwrap().asked;
        asked.get(request)?.1.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

impl Service<Request<Body>> for Server {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.0.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            let mut server = server.lock().unwrap();
            let index = server.asked.len();
            let query = request.uri().query().unwrap_or_default().to_owned();
            server.asked.push((query, request.headers().clone()));
            Ok((server.handler)(index).0)
        })
    }
}

pub(crate) fn source() -> JsonSince<JsonCursor<Box<RawValue>>> {
    JsonSince::new(URL, JsonCursor::new).unwrap().boundary(Boundary::Inclusive)
}

/// Every 30 s, without jitter.
pub(crate) fn options() -> PollOptions {
    PollOptions::builder().jitter(0.0).build().unwrap()
}

pub(crate) fn poller(server: &Server, store: &MemoryCheckpoint) -> Poller {
    Poller::new(server.clone(), source(), store.clone()).with_options(options())
}

/// What an event is, in short; a batch is acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Batch(Vec<String>),
    CaughtUp(u64),
    Failed(PollErrorKind, Duration),
    Resync,
    Stopped,
}

pub(crate) fn batch(keys: &[&str]) -> Seen {
    Seen::Batch(keys.iter().map(ToString::to_string).collect())
}

pub(crate) async fn next(poller: &mut Poller) -> Seen {
    match poller.next().await.unwrap() {
        Some(Event::Batch(batch)) => {
            let keys = batch.items().iter().map(|item| item.key().to_owned()).collect();
            batch.ack().await.unwrap();
            Seen::Batch(keys)
        }
        Some(Event::CaughtUp { items, .. }) => Seen::CaughtUp(items),
        Some(Event::Failed { error, retry_in, .. }) => Seen::Failed(error.kind(), retry_in),
        Some(Event::Resync { .. }) => Seen::Resync,
        Some(event) => panic!("{event:?}"),
        None => Seen::Stopped,
    }
}
