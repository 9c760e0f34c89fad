//! Layers with a queue of their own, which allow one call at a time.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use http::Request;
use tower::{ServiceExt, service_fn};
use tower_layer::layer_fn;

use crate::{Body, Fault, Inner, Scenario, contract, violation};

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Right,
    KeepsTheFirstWaker,
    LosesTheTurnOfTheDropped,
    /// Therefore it does not find its own entry if it is dropped after a poll with another waker.
    KnowsItselfByItsFirstWaker,
}

struct Queue {
    way: Way,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    busy: bool,
    waiting: VecDeque<(Arc<AtomicBool>, Waker)>,
}

impl Queue {
    fn pass_the_turn_on(&self) {
        let mut state = self.state.lock().unwrap();
        match state.waiting.pop_front() {
            Some((granted, waker)) => {
                granted.store(true, Ordering::SeqCst);
                waker.wake();
            }
            None => state.busy = false,
        }
    }
}

struct Turn(Arc<Queue>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.pass_the_turn_on();
    }
}

/// An entry in the queue.
struct Place {
    queue: Arc<Queue>,
    granted: Arc<AtomicBool>,
    first_waker: Option<Waker>,
    left: bool,
}

impl Place {
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<Turn> {
        let mut state = self.queue.state.lock().unwrap();
        if !state.busy || self.granted.load(Ordering::SeqCst) {
            state.busy = true;
            self.left = true;
            return Poll::Ready(Turn(Arc::clone(&self.queue)));
        }
        self.first_waker.get_or_insert_with(|| cx.waker().clone());
        let place = state.waiting.iter_mut().find(|(granted, _)| Arc::ptr_eq(granted, &self.granted));
        match place {
            None => state.waiting.push_back((Arc::clone(&self.granted), cx.waker().clone())),
            Some(_) if self.queue.way == Way::KeepsTheFirstWaker => {}
            Some((_, waker)) => waker.clone_from(cx.waker()),
        }
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.left || self.queue.way == Way::LosesTheTurnOfTheDropped {
            return;
        }
        let mut state = self.queue.state.lock().unwrap();
        state.waiting.retain(|(granted, waker)| !match &self.first_waker {
            Some(first) if self.queue.way == Way::KnowsItselfByItsFirstWaker => first.will_wake(waker),
            _ => Arc::ptr_eq(granted, &self.granted),
        });
        drop(state);
        if self.granted.load(Ordering::SeqCst) {
            self.queue.pass_the_turn_on();
        }
    }
}

async fn turn(queue: Arc<Queue>) -> Turn {
    let mut place = Place { queue, granted: Arc::default(), first_waker: None, left: false };
    poll_fn(|cx| place.poll_turn(cx)).await
}

/// A layer with a queue that has this behaviour.
macro_rules! queueing {
    ($way:expr) => {{
        let queue = Arc::new(Queue { way: $way, state: Mutex::default() });
        layer_fn(move |inner: Inner| {
            let queue = Arc::clone(&queue);
            service_fn(move |request: Request<Body>| {
                let (inner, queue) = (inner.clone(), Arc::clone(&queue));
                async move {
                    let _turn = turn(queue).await;
                    inner.oneshot(request).await
                }
            })
        })
    }};
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_queues_passes() {
    contract::check_layer(queueing!(Way::Right), crate::request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_whose_queue_keeps_the_first_waker_is_named() {
    let found = violation!(queueing!(Way::KeepsTheFirstWaker));
    assert_eq!(found, (Scenario::ChangingWakers, Fault::Hung));
}

#[tokio::test(start_paused = true)]
async fn a_layer_whose_dropped_waiter_keeps_its_turn_is_named() {
    let found = violation!(queueing!(Way::LosesTheTurnOfTheDropped));
    assert_eq!(found, (Scenario::DroppedCrowd, Fault::Hung));
}

#[tokio::test(start_paused = true)]
async fn a_layer_whose_dropped_waiter_stays_in_the_queue_is_named() {
    let found = violation!(queueing!(Way::KnowsItselfByItsFirstWaker));
    assert_eq!(found, (Scenario::DroppedCrowd, Fault::Hung));
}
