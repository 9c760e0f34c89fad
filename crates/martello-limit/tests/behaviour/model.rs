//! Random calls, polls, drops and bodies against a model of the queue.

use std::{
    borrow::Cow,
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    task::Poll,
};

use http::{Request, Response};
use martello_limit::{ConcurrencyLimit, ConcurrencyLimitLayer, ResponseFuture};
use martello_testkit::ScriptedBody;
use proptest::{collection::vec, prelude::*};
use tokio_test::task::{Spawn, spawn};
use tower::{Layer, Service};

use crate::support::{Answered, unread};

const KEYS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Call { key: usize },
    Poll(usize),
    Drop(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..KEYS.len()).prop_map(|key| Step::Call { key }),
        3 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Drop),
    ];
    vec(step, 0..200)
}

/// Answers each request at once, with a body that does not end.
#[derive(Clone)]
struct Client;

impl Service<Request<()>> for Client {
    type Response = Response<ScriptedBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(unread())))
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waits,
    Holds,
}

struct Call {
    key: usize,
    id: usize,
    state: State,
    was_polled: bool,
    future: Option<Spawn<ResponseFuture<Client, ()>>>,
    response: Option<Answered>,
}

struct Model {
    layer: ConcurrencyLimitLayer,
    service: ConcurrencyLimit<Client>,
    permits: usize,
    calls: Vec<Call>,
    queues: [VecDeque<usize>; KEYS.len()],
    made: usize,
}

impl Model {
    fn new(permits: usize) -> Self {
        let builder = ConcurrencyLimitLayer::builder().permits(permits);
        let layer = builder.key_by(|head| Cow::Borrowed(&head.uri.path()[1..])).build().unwrap();
        let service = layer.layer(Client);
        Self { layer, service, permits, calls: Vec::new(), queues: Default::default(), made: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Call { key } => self.call(key),
            Step::Poll(at) if !self.calls.is_empty() => self.poll(at % self.calls.len()),
            Step::Drop(at) if !self.calls.is_empty() => self.drop(at % self.calls.len()),
            Step::Poll(_) | Step::Drop(_) => {}
        }
        self.check();
    }

    fn call(&mut self, key: usize) {
        let free = self.held(key) < self.permits;
        if !free {
            self.queues[key].push_back(self.made);
        }
        let request = Request::get(format!("/{}", KEYS[key])).body(()).unwrap();
        self.calls.push(Call {
            key,
            id: self.made,
            state: if free { State::Holds } else { State::Waits },
            was_polled: false,
            future: Some(spawn(self.service.call(request))),
            response: None,
        });
        self.made += 1;
    }

    fn poll(&mut self, at: usize) {
        let call = &mut self.calls[at];
        let Some(future) = &mut call.future else {
            return;
        };
        call.was_polled = true;
        match future.poll() {
            Poll::Ready(response) => {
                assert_eq!(call.state, State::Holds, "it was not its turn");
                call.response = Some(response.unwrap());
                call.future = None;
            }
            Poll::Pending => assert_eq!(call.state, State::Waits, "it was its turn"),
        }
    }

    fn drop(&mut self, at: usize) {
        let call = self.calls.swap_remove(at);
        let queue = &mut self.queues[call.key];
        match call.state {
            State::Waits => queue.retain(|waiting| *waiting != call.id),
            State::Holds => {
                if let Some(next) = queue.pop_front() {
                    self.calls.iter_mut().find(|call| call.id == next).unwrap().state = State::Holds;
                }
            }
        }
    }

    fn held(&self, key: usize) -> usize {
        self.calls.iter().filter(|call| call.key == key && call.state == State::Holds).count()
    }

    fn check(&self) {
        for call in &self.calls {
            if let Some(future) = call.future.as_ref().filter(|_| call.was_polled) {
                assert_eq!(future.is_woken(), call.state == State::Holds, "woken when its turn has come");
            }
        }
        let held: [usize; KEYS.len()] = std::array::from_fn(|key| self.held(key));
        for (held, queue) in held.iter().zip(&self.queues) {
            assert!(*held <= self.permits);
            assert!(*held == self.permits || queue.is_empty(), "somebody waits where a permit is free");
        }
        let snapshot = self.layer.snapshot();
        assert_eq!(snapshot.in_flight, held.iter().sum());
        assert_eq!(snapshot.unread, self.calls.iter().filter(|call| call.response.is_some()).count());
        assert_eq!(snapshot.waiting, self.queues.iter().map(VecDeque::len).sum());
        assert_eq!(snapshot.keys, held.iter().filter(|held| **held > 0).count());
    }
}

proptest! {
    #[test]
    fn it_behaves_as_its_model(permits in 1..4_usize, steps in steps()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let _inside = runtime.enter();
        let mut model = Model::new(permits);
        for step in steps {
            model.take(step);
        }
        while !model.calls.is_empty() {
            model.take(Step::Drop(0));
        }
        let snapshot = model.layer.snapshot();
        prop_assert_eq!((snapshot.in_flight, snapshot.waiting, snapshot.keys), (0, 0, 0));
    }
}
