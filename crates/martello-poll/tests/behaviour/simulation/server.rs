use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use martello_body::Body;
use martello_testkit::ScriptedBody;
use tokio::time::Instant;
use tower::Service;

use super::history::{Fault, History, Record};

/// What the server holds, and what was seen of it. A clone is the same.
#[derive(Clone)]
pub(crate) struct World {
    pub(super) history: Arc<History>,
    began: Instant,
    /// The server's clock at the beginning.
    pub(super) epoch: Timestamp,
    pub(super) seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(super) requests: usize,
    /// How often each record, by key and time, was handed to the user.
    pub(super) processed: BTreeMap<(String, u64), u32>,
    pub(super) violations: Vec<String>,
    /// The source said that it has forgotten something, so that all is delivered again.
    pub(super) resynced: bool,
    pub(super) crashes: u32,
    pub(super) finished: bool,
}

impl World {
    pub(crate) fn new(history: History) -> Self {
        let epoch = Timestamp::now() + jiff::SignedDuration::from_secs(history.ahead);
        let epoch = Timestamp::from_millisecond(epoch.as_millisecond()).unwrap();
        Self { history: Arc::new(history), began: Instant::now(), epoch, seen: Arc::default() }
    }

    /// Milliseconds since the beginning.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    pub(super) fn time(&self, at: u64) -> Timestamp {
        self.epoch + Duration::from_millis(at)
    }

    /// Of each key the record with the greatest stamp of those that have appeared, in the order of the list.
    pub(super) fn listed(&self, now: u64) -> Vec<Record> {
        let mut newest: HashMap<u8, Record> = HashMap::new();
        for record in self.history.records.iter().filter(|record| record.appears() <= now) {
            let newest = newest.entry(record.key).or_insert_with(|| record.clone());
            if record.at > newest.at {
                *newest = record.clone();
            }
        }
        let mut listed: Vec<Record> = newest.into_values().collect();
        listed.sort_by_key(|record| std::cmp::Reverse((record.created, record.key)));
        listed
    }

    fn next_fault(&self) -> (usize, Fault) {
        let mut seen = self.seen.lock().unwrap();
        seen.requests += 1;
        let index = seen.requests - 1;
        (index, self.history.faults.get(index).copied().unwrap_or(Fault::None))
    }

    fn answer(&self, request: &Request<Body>, index: usize, fault: Fault) -> Response<ScriptedBody> {
        let query: HashMap<String, String> =
            url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let since: Option<Timestamp> = query.get("since").map(|since| since.parse().unwrap());
        let after: Option<(u8, u8)> = query.get("cursor").map(|cursor| {
            let mut parts = cursor.split('.').map(|part| part.parse().unwrap());
            (parts.next().unwrap(), parts.next().unwrap())
        });
        let passes = |record: &Record| {
            let stamp = self.time(record.at);
            since.is_none_or(|since| stamp > since || (self.history.inclusive && stamp == since))
                && after.is_none_or(|after| (record.created, record.key) < after)
        };
        let mut rest = self.listed(self.now());
        rest.retain(passes);
        let sizes = &self.history.page_sizes;
        let size = if matches!(fault, Fault::Empty) { 0 } else { *sizes.iter().cycle().nth(index).unwrap() };
        let more = rest.len() > size || size == 0;
        rest.truncate(size);
        let here = rest.last().map(|last| (last.created, last.key)).or(after).unwrap_or((u8::MAX, u8::MAX));
        let next = match fault {
            Fault::Circle => query.get("cursor").cloned().unwrap_or_else(|| format!("{}.{}", here.0, here.1)),
            _ if more => format!("{}.{}.{index}", here.0, here.1),
            _ => String::new(),
        };
        self.page(request, &rest, &next)
    }

    fn page(&self, request: &Request<Body>, records: &[Record], next: &str) -> Response<ScriptedBody> {
        let items: Vec<_> = records
            .iter()
            .map(|record| serde_json::json!({"id": format!("k{}", record.key), "updated_at": self.time(record.at)}))
            .collect();
        let text = serde_json::json!({"data": items, "cursor": {"next": next}}).to_string();
        let etag = format!(
            "W/\"{:x}\"",
            text.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31) + u64::from(byte))
        );
        let mut response = Response::builder();
        if self.history.etag {
            response = response.header("etag", &etag);
            if request.headers().get("if-none-match").is_some_and(|known| known == etag.as_str()) {
                return response.status(304).body(ScriptedBody::new()).unwrap();
            }
        }
        response.body(ScriptedBody::new().data(text)).unwrap()
    }
}

/// Dates are whole seconds, cut off.
pub(super) fn http_date(time: Timestamp) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::try_from(time.as_duration()).unwrap())
}

impl Service<Request<Body>> for World {
    type Response = Response<ScriptedBody>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let world = self.clone();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(3)).await;
            let (index, fault) = world.next_fault();
            let mut response = world.answer(&request, index, fault);
            match fault {
                Fault::Slow(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
                Fault::Status(status) => *response.status_mut() = status.try_into().unwrap(),
                Fault::RetryAfter(seconds) => {
                    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                    response.headers_mut().insert("retry-after", seconds.into());
                }
                Fault::Unsent => return Err(io::ErrorKind::ConnectionRefused.into()),
                Fault::BodyBreaks => {
                    let broken = ScriptedBody::new().data("{\"data\":[").error("reset");
                    response = response.map(|_| broken);
                }
                Fault::BodyCut => response = response.map(|_| ScriptedBody::new().data("{\"data\":[],")),
                Fault::NotJson => {
                    response = response.map(|_| ScriptedBody::new().data(Bytes::from("<html>")));
                }
                Fault::None | Fault::Circle | Fault::Empty => {}
            }
            if world.history.date {
                let date = http_date(world.time(world.now()));
                response.headers_mut().insert("date", date.parse().unwrap());
            }
            Ok(response)
        })
    }
}
