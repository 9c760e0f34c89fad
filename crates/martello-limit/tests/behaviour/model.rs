//! Random calls, polls, drops, bodies and clients that are not ready, against a model of the queue.

use std::{
    borrow::Cow,
    cell::RefCell,
    convert::Infallible,
    future::{Ready, ready},
    mem,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use martello_limit::{ConcurrencyLimit, ConcurrencyLimitLayer, ResponseFuture};
use martello_testkit::ScriptedBody;
use proptest::{collection::vec, prelude::*};
use tokio_test::{
    assert_ready_ok,
    task::{Spawn, spawn},
};
use tower::{Layer, Service};

use crate::support::{Answered, unread};

const KEYS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Call {
        key: usize,
        client: usize,
    },
    Poll(usize),
    Drop(usize),
    /// Makes this client ready, or not ready.
    Ready(usize, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..KEYS.len(), 0..2_usize).prop_map(|(key, client)| Step::Call { key, client }),
        4 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Drop),
        2 => (0..2_usize, any::<bool>()).prop_map(|(client, ready)| Step::Ready(client, ready)),
    ];
    vec(step, 0..200)
}

/// Responds to each request at once, with a body that does not end. Asserts that the instance that was
/// readied is called.
#[derive(Default)]
struct Client {
    shared: Rc<RefCell<Shared>>,
    readied: bool,
}

#[derive(Default)]
struct Shared {
    ready: bool,
    wakers: Vec<Waker>,
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self { shared: Rc::clone(&self.shared), readied: false }
    }
}

impl Client {
    fn set(&self, ready: bool) {
        let mut shared = self.shared.borrow_mut();
        shared.ready = ready;
        let wakers = if ready { mem::take(&mut shared.wakers) } else { Vec::new() };
        drop(shared);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn is_ready(&self) -> bool {
        self.shared.borrow().ready
    }
}

impl Service<Request<()>> for Client {
    type Response = Response<ScriptedBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        let mut shared = self.shared.borrow_mut();
        self.readied |= shared.ready;
        if self.readied {
            return Poll::Ready(Ok(()));
        }
        shared.wakers.push(cx.waker().clone());
        Poll::Pending
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(mem::take(&mut self.readied), "this instance was not readied");
        ready(Ok(Response::new(unread())))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waits,
    /// It was granted a permit, and was not polled since.
    Offered,
    /// It waits for its client.
    Aside,
    Holds,
}

struct Call {
    key: usize,
    client: usize,
    id: usize,
    state: State,
    /// Whether its instance of the client was readied while no permit was free.
    readied: bool,
    was_polled: bool,
    woken: bool,
    future: Option<Spawn<ResponseFuture<Client, ()>>>,
    response: Option<Answered>,
}

struct Model {
    layer: ConcurrencyLimitLayer,
    clients: [Client; 2],
    services: [ConcurrencyLimit<Client>; 2],
    permits: usize,
    keyed: bool,
    /// In the order of the calls.
    calls: Vec<Call>,
    made: usize,
}

impl Model {
    fn new(permits: usize, keyed: bool) -> Self {
        let mut builder = ConcurrencyLimitLayer::builder().permits(permits);
        if keyed {
            builder = builder.key_by(|head| Cow::Borrowed(&head.uri.path()[1..]));
        }
        let layer = builder.build().unwrap();
        let clients = [(); 2].map(|()| Client::default());
        let services = clients.each_ref().map(|client| layer.layer(client.clone()));
        clients.iter().for_each(|client| client.set(true));
        Self { layer, clients, services, permits, keyed, calls: Vec::new(), made: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Call { key, client } if self.clients[client].is_ready() => self.call(key, client),
            Step::Poll(at) if !self.calls.is_empty() => self.poll(at % self.calls.len()),
            Step::Drop(at) if !self.calls.is_empty() => self.drop(at % self.calls.len()),
            Step::Ready(client, ready) => self.set(client, ready),
            Step::Call { .. } | Step::Poll(_) | Step::Drop(_) => {}
        }
        self.check();
    }

    fn call(&mut self, key: usize, client: usize) {
        let key = if self.keyed { key } else { 0 };
        let free = self.held(key) < self.permits;
        let request = Request::get(format!("/{}", KEYS[key])).body(()).unwrap();
        let mut service = self.services[client].clone();
        assert_ready_ok!(spawn(()).enter(|cx, _| service.poll_ready(cx)));
        self.calls.push(Call {
            key,
            client,
            id: self.made,
            state: if free { State::Holds } else { State::Waits },
            readied: free,
            was_polled: false,
            woken: false,
            future: Some(spawn(service.call(request))),
            response: None,
        });
        self.made += 1;
    }

    fn poll(&mut self, at: usize) {
        let call = &self.calls[at];
        let (key, ready) = (call.key, call.readied || self.clients[call.client].is_ready());
        let free = self.held(key) < self.permits;
        let call = &mut self.calls[at];
        let Some(future) = &mut call.future else {
            return;
        };
        call.was_polled = true;
        call.woken = false;
        let (state, readied) = match call.state {
            State::Offered if ready => (State::Holds, true),
            State::Offered => (State::Aside, false),
            State::Aside if ready && free => (State::Holds, true),
            State::Aside if ready => (State::Waits, true),
            state => (state, call.readied),
        };
        match future.poll() {
            Poll::Ready(response) => {
                assert_eq!(state, State::Holds, "it was not its turn");
                call.response = Some(response.unwrap());
                call.future = None;
            }
            Poll::Pending => assert_ne!(state, State::Holds, "it was its turn"),
        }
        call.readied = readied;
        if mem::replace(&mut call.state, state) == State::Offered && state == State::Aside {
            self.release(key);
        }
    }

    fn drop(&mut self, at: usize) {
        let call = self.calls.remove(at);
        if matches!(call.state, State::Offered | State::Holds) {
            self.release(call.key);
        }
    }

    fn release(&mut self, key: usize) {
        if let Some(next) = self.calls.iter_mut().find(|call| call.key == key && call.state == State::Waits) {
            next.state = State::Offered;
            next.woken = true;
        }
    }

    fn set(&mut self, client: usize, ready: bool) {
        self.clients[client].set(ready);
        let aside = |call: &&mut Call| call.client == client && call.state == State::Aside;
        self.calls.iter_mut().filter(aside).for_each(|call| call.woken |= ready);
    }

    fn count(&self, key: usize, states: &[State]) -> usize {
        self.calls.iter().filter(|call| call.key == key && states.contains(&call.state)).count()
    }

    fn held(&self, key: usize) -> usize {
        self.count(key, &[State::Offered, State::Holds])
    }

    fn check(&self) {
        assert!(self.calls.is_sorted_by_key(|call| call.id));
        for call in &self.calls {
            if let Some(future) = call.future.as_ref().filter(|_| call.was_polled) {
                assert_eq!(future.is_woken(), call.woken, "woken when there is something for it to do");
            }
        }
        let keys: [usize; KEYS.len()] = std::array::from_fn(|key| key);
        for key in keys {
            let (held, waiting) = (self.held(key), self.count(key, &[State::Waits]));
            assert!(held <= self.permits);
            assert!(held == self.permits || waiting == 0, "a request waits although a permit is free");
        }
        let sum = |states: &[State]| keys.iter().map(|key| self.count(*key, states)).sum::<usize>();
        let alive = |key: &&usize| self.held(**key) + self.count(**key, &[State::Aside]) > 0;
        let usage = self.layer.usage();
        assert_eq!(usage.in_flight, sum(&[State::Offered, State::Holds]));
        assert_eq!(usage.open_bodies, self.calls.iter().filter(|call| call.response.is_some()).count());
        assert_eq!(usage.waiting, sum(&[State::Waits, State::Aside]));
        assert_eq!(usage.keys, if self.keyed { keys.iter().filter(alive).count() } else { 0 });
    }
}

proptest! {
    #[test]
    fn it_behaves_as_its_model(permits in 1..4_usize, keyed in any::<bool>(), steps in steps()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let _inside = runtime.enter();
        let mut model = Model::new(permits, keyed);
        for step in steps {
            model.take(step);
        }
        while !model.calls.is_empty() {
            model.take(Step::Drop(0));
        }
        let usage = model.layer.usage();
        prop_assert_eq!((usage.in_flight, usage.waiting, usage.keys), (0, 0, 0));
    }
}
