//! An inner service in memory that responds from a script.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use martello_body::{Body, BodyError};
use martello_outcome::{AttemptNumber, Queued};
use martello_testkit::ScriptedBody;
use tower::Service;

/// What the service does with one request.
pub(crate) struct Answer {
    queued: Duration,
    delay: Duration,
    never: bool,
    result: Result<Response<ScriptedBody>, io::ErrorKind>,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::body(status, ScriptedBody::new())
    }

    pub(crate) fn body(status: u16, body: ScriptedBody) -> Self {
        let response = Response::builder().status(status).body(body).unwrap();
        Self { queued: Duration::ZERO, delay: Duration::ZERO, never: false, result: Ok(response) }
    }

    pub(crate) fn fault(kind: io::ErrorKind) -> Self {
        Self { result: Err(kind), ..Self::status(200) }
    }

    pub(crate) fn never() -> Self {
        Self { never: true, ..Self::status(200) }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.result.as_mut().unwrap().headers_mut().append(name, value.parse().unwrap());
        self
    }

    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(mut self, extension: T) -> Self {
        self.result.as_mut().unwrap().extensions_mut().insert(extension);
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Is queued for this time first.
    pub(crate) fn queued(mut self, queued: Duration) -> Self {
        self.queued = queued;
        self
    }
}

#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) headers: HeaderMap,
    pub(crate) number: u32,
    pub(crate) body: Result<Bytes, BodyError>,
}

/// Responds to each request with the next answer of its script, and with 200 after the last.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<(VecDeque<Answer>, Vec<Seen>)>>);

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self(Arc::new(Mutex::new((answers.into_iter().collect(), Vec::new()))))
    }

    pub(crate) fn statuses(statuses: impl IntoIterator<Item = u16>) -> Self {
        Self::new(statuses.into_iter().map(Answer::status))
    }

    pub(crate) fn attempts(&self) -> usize {
        self.0.lock().unwrap().1.len()
    }

    pub(crate) fn seen<T>(&self, look: impl Fn(&Seen) -> T) -> Vec<T> {
        self.0.lock().unwrap().1.iter().map(look).collect()
    }
}

impl Service<Request<Body>> for Script {
    type Response = Response<ScriptedBody>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let script = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map(http_body_util::Collected::to_bytes);
            let number = AttemptNumber::of(&head.extensions);
            let answer = {
                let mut script = script.lock().unwrap();
                script.1.push(Seen { headers: head.headers, number, body });
                script.0.pop_front().unwrap_or_else(|| Answer::status(200))
            };
            if answer.queued > Duration::ZERO {
                in_queue(answer.queued).await;
            }
            if answer.delay > Duration::ZERO {
                tokio::time::sleep(answer.delay).await;
            }
            if answer.never {
                std::future::pending::<Infallible>().await;
            }
            answer.result.map_err(io::Error::from)
        })
    }
}

async fn in_queue(time: Duration) {
    let mut sleep = std::pin::pin!(tokio::time::sleep(time));
    std::future::poll_fn(|cx| {
        let poll = sleep.as_mut().poll(cx);
        if poll.is_pending() {
            Queued::report();
        }
        poll
    })
    .await;
}

pub(crate) fn request(method: &str) -> Request<Body> {
    Request::builder().method(method).uri("http://api.example/orders/1").body(Body::from("{}")).unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
