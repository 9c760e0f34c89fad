//! A request whose client is not ready steps aside: it holds no permit, and keeps its position.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{Ready, ready},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use martello_limit::{ConcurrencyLimit, ConcurrencyLimitLayer};
use martello_outcome::{CallNotes, ErrorKind, Outcome, Queued};
use martello_testkit::ScriptedBody;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task::spawn};
use tower::{Layer, Service};

use crate::support::{
    Answered, Api, Call, Client, answered, call, failure, get, limit, limited, seconds, unread, waiting,
};

/// A limit of one over two clients, whose permit is held.
struct TwoClients {
    layer: ConcurrencyLimitLayer,
    slow: ConcurrencyLimit<Client>,
    slow_api: Api,
    other: ConcurrencyLimit<Client>,
    other_api: Api,
    holder: Option<Answered>,
}

impl TwoClients {
    fn new() -> Self {
        Self::over(limit(1))
    }

    fn over(layer: ConcurrencyLimitLayer) -> Self {
        let ((slow, slow_api), (other, mut other_api)) = (limited(&layer), limited(&layer));
        let holder = Some(answered(&other, &mut other_api));
        Self { layer, slow, slow_api, other, other_api, holder }
    }

    /// A call that has stepped aside, because its client is no longer ready.
    fn aside(&mut self) -> Call {
        let mut call = waiting(&self.slow);
        self.slow_api.0.allow(0);
        self.holder = None;
        assert!(call.is_woken());
        assert_pending!(call.poll());
        call
    }

    fn hold_again(&mut self) {
        self.holder = Some(answered(&self.other, &mut self.other_api));
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_passes_over_a_request_whose_client_is_not_ready() {
    let mut two = TwoClients::new();
    let (mut first, mut behind) = (waiting(&two.slow), waiting(&two.other));
    two.slow_api.0.allow(0);
    two.holder = None;
    assert_pending!(first.poll());
    assert!(behind.is_woken(), "the permit went to the next");
    assert_eq!((two.layer.usage().in_flight, two.layer.usage().waiting), (1, 1));

    assert_pending!(behind.poll());
    two.other_api.answer(unread());
    assert_ready_ok!(behind.poll());
    two.slow_api.assert_idle();
    drop(first);
    assert_eq!(two.layer.usage().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn five_requests_whose_client_is_not_ready_hold_no_permit() {
    let layer = ConcurrencyLimitLayer::default();
    let ((slow, mut slow_api), (other, mut other_api)) = (limited(&layer), limited(&layer));
    let holders: Vec<_> = (0..5).map(|_| answered(&other, &mut other_api)).collect();
    let mut waits: Vec<_> = (0..5).map(|_| waiting(&slow)).collect();
    slow_api.0.allow(0);
    drop(holders);
    for call in &mut waits {
        assert_pending!(call.poll());
    }
    assert_eq!((layer.usage().in_flight, layer.usage().waiting), (0, 5));
    answered(&other, &mut other_api);
}

#[tokio::test(start_paused = true)]
async fn it_comes_before_all_later_requests_once_its_client_is_ready() {
    let mut two = TwoClients::new();
    let mut first = two.aside();
    two.hold_again();
    let (mut second, mut third) = (waiting(&two.other), waiting(&two.other));
    two.slow_api.0.allow(1);
    assert!(first.is_woken());
    assert_pending!(first.poll(), "no permit is free");

    two.holder = None;
    assert!(first.is_woken() && !second.is_woken() && !third.is_woken());
    assert_pending!(first.poll());
    two.slow_api.answer(unread());
    drop(assert_ready_ok!(first.poll()));
    assert!(second.is_woken() && !third.is_woken());
    assert_pending!(second.poll());
    assert_pending!(third.poll());
}

#[tokio::test(start_paused = true)]
async fn requests_that_stepped_aside_rejoin_in_the_order_of_their_calls() {
    let mut two = TwoClients::new();
    let mut calls = [waiting(&two.slow), waiting(&two.slow), waiting(&two.slow)];
    let mut last = waiting(&two.other);
    two.slow_api.0.allow(0);
    two.holder = None;
    for call in &mut calls {
        assert!(call.is_woken());
        assert_pending!(call.poll());
    }
    assert_pending!(last.poll());
    two.other_api.answer(unread());
    let holder = assert_ready_ok!(last.poll());

    two.slow_api.0.allow(3);
    for place in [1, 2, 0] {
        assert!(calls[place].is_woken());
        assert_pending!(calls[place].poll());
    }
    let mut behind = waiting(&two.other);
    let mut holder = Some(holder);
    for call in &mut calls {
        holder.take();
        assert!(call.is_woken());
        assert_pending!(call.poll());
        two.slow_api.answer(unread());
        holder = Some(assert_ready_ok!(call.poll()));
        assert!(!behind.is_woken());
    }
    drop(holder);
    assert!(behind.is_woken());
    assert_pending!(behind.poll());
}

#[tokio::test(start_paused = true)]
async fn it_takes_a_free_permit_at_once_when_its_client_is_ready() {
    let mut two = TwoClients::new();
    let mut call = two.aside();
    two.slow_api.assert_idle();
    two.slow_api.0.allow(1);
    assert!(call.is_woken());
    assert_pending!(call.poll());
    two.slow_api.answer(unread());
    let _response = assert_ready_ok!(call.poll());
    assert_eq!((two.layer.usage().in_flight, two.layer.usage().waiting), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn no_permit_is_offered_to_it_before_its_client_has_woken_it() {
    let mut two = TwoClients::new();
    let call = two.aside();
    for _ in 0..3 {
        two.hold_again();
        two.holder = None;
        assert!(!call.is_woken());
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_request_whose_client_is_ready_takes_the_free_permit() {
    let mut two = TwoClients::new();
    let _aside = two.aside();
    answered(&two.other, &mut two.other_api);
}

#[tokio::test(start_paused = true)]
async fn both_waits_share_one_time_limit_and_leave_the_request_unsent() {
    let mut two = TwoClients::new();
    let started = tokio::time::Instant::now();
    let queued = waiting(&two.slow);
    tokio::time::advance(seconds(10)).await;
    two.slow_api.0.allow(0);
    two.holder = None;
    let error = tokio::time::timeout(seconds(60), failure(queued)).await.unwrap();
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::LimitWaitTimeout, Outcome::Unsent));
    assert_eq!(
        error.to_string(),
        "the client was not ready within 30s; permits held: 0 of 1, none of them by an unread response body"
    );
    let usage = two.layer.usage();
    assert_eq!((usage.in_flight, usage.waiting), (0, 0));
    two.slow_api.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stepped_aside_counts_as_waiting() {
    let mut two =
        TwoClients::over(ConcurrencyLimitLayer::builder().permits(1).max_waiting(1).build().unwrap());
    let _aside = two.aside();
    two.hold_again();
    let error = assert_ready_err!(get(&two.other).poll());
    assert_eq!(error.kind(), ErrorKind::LimitFull);
    assert!(
        error.to_string().starts_with("the concurrency limit's queue is full: 1 request waits; "),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn layers_outside_can_tell_that_it_is_queued() {
    let mut two = TwoClients::new();
    let mut call = waiting(&two.slow);
    two.slow_api.0.allow(0);
    two.holder = None;
    assert!(Queued::observe(|| call.poll()).1, "when it steps aside");
    assert!(Queued::observe(|| call.poll()).1, "and while it stands there");
    two.hold_again();
    two.slow_api.0.allow(1);
    assert!(Queued::observe(|| call.poll()).1, "and when it has come back");
    two.holder = None;
    assert!(!Queued::observe(|| call.poll()).1, "now it is sent");
}

#[tokio::test(start_paused = true)]
async fn the_notes_of_its_call_count_both_waits() {
    let mut two = TwoClients::new();
    let notes = CallNotes::default();
    let mut waits = call(&two.slow, Request::builder().extension(notes.clone()).body(()).unwrap());
    assert_pending!(waits.poll());
    tokio::time::advance(seconds(2)).await;
    two.slow_api.0.allow(0);
    two.holder = None;
    assert_pending!(waits.poll());
    tokio::time::advance(seconds(3)).await;
    two.slow_api.0.allow(1);
    assert_pending!(waits.poll());
    assert_eq!(notes.permit_wait(), seconds(5));
}

#[tokio::test(start_paused = true)]
async fn dropping_it_leaves_nothing_behind() {
    let layer = ConcurrencyLimitLayer::builder().permits(1).by_authority().build().unwrap();
    let (service, mut api) = limited(&layer);
    let holder = answered(&service, &mut api);
    let mut call = waiting(&service);
    api.0.allow(0);
    drop(holder);
    assert_pending!(call.poll());
    let usage = layer.usage();
    assert_eq!((usage.in_flight, usage.waiting, usage.keys), (0, 1, 1));
    drop(call);
    let usage = layer.usage();
    assert_eq!((usage.in_flight, usage.waiting, usage.keys), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_fails_while_its_request_is_aside_ends_it_unsent() {
    let mut two = TwoClients::new();
    let mut call = two.aside();
    two.slow_api.0.send_error("closed");
    let error = assert_ready_err!(call.poll());
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
    assert_eq!((two.layer.usage().in_flight, two.layer.usage().waiting), (0, 0));
}

/// A client that asserts that the instance that was readied is the one that is called.
#[derive(Default)]
struct Strict {
    shared: Rc<(Cell<bool>, Cell<Option<Waker>>)>,
    readied: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { shared: Rc::clone(&self.shared), readied: false }
    }
}

impl Strict {
    fn set(&self, ready: bool) {
        self.shared.0.set(ready);
        if let Some(waker) = self.shared.1.take().filter(|_| ready) {
            waker.wake();
        }
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<ScriptedBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A ready instance stays ready until it is called.
        self.readied |= self.shared.0.get();
        if self.readied {
            return Poll::Ready(Ok(()));
        }
        self.shared.1.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.readied), "another instance was readied");
        ready(Ok(Response::new(unread())))
    }
}

#[tokio::test(start_paused = true)]
async fn the_instance_that_became_ready_is_the_one_that_is_called() {
    let layer = limit(1);
    let client = Strict::default();
    client.set(true);
    let service = layer.layer(client.clone());
    let start = || {
        let mut service = service.clone();
        assert_ready_ok!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
        spawn(service.call(Request::new(())))
    };
    let holder = assert_ready_ok!(start().poll());
    let mut call = start();
    assert_pending!(call.poll());
    client.set(false);
    drop(holder);
    assert_pending!(call.poll());

    client.set(true);
    let newcomer = assert_ready_ok!(start().poll());
    assert!(call.is_woken());
    assert_pending!(call.poll(), "it is ready, and has no permit");
    client.set(false);
    drop(newcomer);
    assert!(call.is_woken());
    assert_ready_ok!(call.poll());
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_client_returns_the_permit_once() {
    #[derive(Clone)]
    struct Panics(Strict);

    impl Service<Request<()>> for Panics {
        type Response = Response<ScriptedBody>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            assert!(self.0.shared.0.get(), "the client's own fault");
            self.0.poll_ready(cx)
        }

        fn call(&mut self, request: Request<()>) -> Self::Future {
            self.0.call(request)
        }
    }

    let layer = limit(1);
    let client = Strict::default();
    client.set(true);
    let mut service = layer.layer(Panics(client.clone()));
    let start = |service: &mut ConcurrencyLimit<Panics>| {
        assert_ready_ok!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
        spawn(service.call(Request::new(())))
    };
    let holder = assert_ready_ok!(start(&mut service).poll());
    let mut call = start(&mut service);
    assert_pending!(call.poll());
    client.set(false);
    drop(holder);
    let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call.poll()));
    unwound.unwrap_err();
    drop(call);
    let usage = layer.usage();
    assert_eq!((usage.in_flight, usage.waiting), (0, 0));
}
