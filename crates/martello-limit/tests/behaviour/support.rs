//! A client in memory. The test responds to each request.

use std::time::Duration;

use http::{Request, Response};
use martello_limit::{ConcurrencyLimit, ConcurrencyLimitLayer, LimitBody, ResponseFuture};
use martello_outcome::CallError;
use martello_testkit::ScriptedBody;
use tokio_test::{
    assert_pending, assert_ready_ok,
    task::{Spawn, spawn},
};
use tower::{Layer, Service};
use tower_test::mock::{self, Handle, Mock, SendResponse};

pub(crate) type Answered = Response<LimitBody<ScriptedBody>>;
pub(crate) type Client = Mock<Request<()>, Response<ScriptedBody>>;
pub(crate) type Call = Spawn<ResponseFuture<Client, ()>>;

/// The server side of a limited client.
pub(crate) struct Api(pub(crate) Handle<Request<()>, Response<ScriptedBody>>);

pub(crate) fn limited(layer: &ConcurrencyLimitLayer) -> (ConcurrencyLimit<Client>, Api) {
    let (client, handle) = mock::pair();
    (layer.layer(client), Api(handle))
}

pub(crate) fn limit(permits: usize) -> ConcurrencyLimitLayer {
    ConcurrencyLimitLayer::new(permits).unwrap()
}

impl Api {
    /// The next request that reached the client.
    pub(crate) fn next(&mut self) -> (Request<()>, SendResponse<Response<ScriptedBody>>) {
        match self.0.poll_request() {
            std::task::Poll::Ready(Some(request)) => request,
            _ => panic!("no request has started"),
        }
    }

    /// Answers the next request with 200 and this body.
    pub(crate) fn answer(&mut self, body: ScriptedBody) {
        self.next().1.send_response(Response::new(body));
    }

    pub(crate) fn assert_idle(&mut self) {
        assert!(self.0.poll_request().is_pending(), "a request has started");
    }
}

/// Readies a clone of the service, and calls it.
pub(crate) fn call(service: &ConcurrencyLimit<Client>, request: Request<()>) -> Call {
    let mut service = service.clone();
    assert_ready_ok!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
    spawn(service.call(request))
}

pub(crate) fn get(service: &ConcurrencyLimit<Client>) -> Call {
    call(service, Request::new(()))
}

/// A call that has to wait.
pub(crate) fn waiting(service: &ConcurrencyLimit<Client>) -> Call {
    let mut call = get(service);
    assert_pending!(call.poll());
    call
}

/// A response whose body is not yet read.
pub(crate) fn answered(service: &ConcurrencyLimit<Client>, api: &mut Api) -> Answered {
    let mut call = get(service);
    api.answer(unread());
    assert_ready_ok!(call.poll())
}

pub(crate) fn unread() -> ScriptedBody {
    ScriptedBody::new().wait().data("late")
}

pub(crate) async fn failure(call: Call) -> CallError {
    call.await.unwrap_err()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
