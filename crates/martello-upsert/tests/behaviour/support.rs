//! A server in memory that counts the requests in flight, and rows for it.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, stream};
use http::{Request, Response};
use martello_body::Body;
use martello_upsert::{Record, RunTarget, UpsertAll};
use tower::Service;

pub(crate) type Row = (&'static str, u32);
type Decide = dyn Fn(&str, u32) -> (u16, Duration) + Send + Sync;

/// What the server has seen.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) in_flight: BTreeMap<String, usize>,
    pub(crate) most_in_flight: usize,
    pub(crate) two_of_a_key: bool,
    /// In the order in which they ended.
    pub(crate) written: Vec<(String, u32)>,
    /// In the order in which they arrived.
    pub(crate) arrived: Vec<(String, u32)>,
}

/// Answers each PUT of a number to a path with a status and a delay.
#[derive(Clone)]
pub(crate) struct Memory {
    seen: Arc<Mutex<Seen>>,
    decide: Arc<Decide>,
}

impl Memory {
    pub(crate) fn new(decide: impl Fn(&str, u32) -> (u16, Duration) + Send + Sync + 'static) -> Self {
        Self { seen: Arc::default(), decide: Arc::new(decide) }
    }

    /// Answers 200 after a second.
    pub(crate) fn healthy() -> Self {
        Self::new(|_, _| (200, Duration::from_secs(1)))
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }
}

impl Service<Request<Body>> for Memory {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let server = self.clone();
        let key = request.uri().path_and_query().unwrap().as_str().trim_start_matches("/orders/").to_owned();
        let value: u32 = std::str::from_utf8(request.body().as_bytes().unwrap()).unwrap().parse().unwrap();
        Box::pin(async move {
            {
                let mut seen = server.seen();
                let of_key = seen.in_flight.entry(key.clone()).or_default();
                *of_key += 1;
                seen.two_of_a_key |= seen.in_flight[&key] > 1;
                seen.most_in_flight = seen.most_in_flight.max(seen.in_flight.values().sum());
                seen.arrived.push((key.clone(), value));
            }
            let (status, delay) = (server.decide)(&key, value);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let mut seen = server.seen();
            *seen.in_flight.entry(key.clone()).or_default() -= 1;
            if status < 300 {
                seen.written.push((key, value));
            }
            Ok(Response::builder().status(status).body(Body::from("said the server")).unwrap())
        })
    }
}

/// A server that fails for these values until it is healed.
pub(crate) fn ill(answers: &'static [(u32, u16)]) -> (Memory, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(false));
    let mood = Arc::clone(&well);
    let server = Memory::new(move |_, value| {
        let ill = !mood.load(Ordering::SeqCst);
        let answer = answers.iter().find(|(of, _)| ill && *of == value);
        (answer.map_or(200, |(_, status)| *status), Duration::from_secs(1))
    });
    (server, well)
}

pub(crate) fn written(server: &Memory) -> Vec<u32> {
    server.seen().written.iter().map(|(_, value)| *value).collect()
}

pub(crate) fn put(row: &Row) -> Result<Request<String>, http::Error> {
    Request::put(format!("http://api.example/orders/{}", row.0)).body(row.1.to_string())
}

/// The settings that all runs share.
pub(crate) fn target() -> RunTarget {
    RunTarget::new(http::Method::PUT, "http://api.example/orders/{id}")
}

pub(crate) fn upserts(server: &Memory) -> UpsertAll<Row> {
    UpsertAll::new(server.clone(), put)
}

pub(crate) fn rows(rows: impl IntoIterator<Item = Row>) -> impl Stream<Item = Row> + Send + 'static {
    stream::iter(rows.into_iter().collect::<Vec<_>>())
}

/// All records of a run, in the order of the input.
pub(crate) async fn records<T: Send + 'static>(
    upserts: UpsertAll<T>,
    rows: impl Stream<Item = T> + Send + 'static,
) -> Vec<Record> {
    let mut reading = upserts.records(rows).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reading.next().await {
        records.push(record);
    }
    let report = reading.report().await.unwrap();
    assert_eq!(report.counts().total(), records.len() as u64);
    records.sort_by_key(|record| record.row);
    records
}

pub(crate) fn outcomes(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(|record| record.outcome.as_str()).collect()
}
