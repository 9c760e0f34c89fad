//! A claim counts as an attempt; what was claimed and not sent is given back uncounted.

use std::task::{Context, Poll};

use http::{Request, Response};
use martello_body::Body;
use martello_limit::ConcurrencyLimitLayer;
use martello_outbox::{MemoryStore, Outbox, State};
use martello_outcome::{BoxError, CallError, ErrorKind, Outcome};
use tokio::time::sleep;
use tower::{Layer, Service};

use crate::support::{Api, enqueued, options, put, seconds, settled, stored, work};

#[tokio::test(start_paused = true)]
async fn a_claim_counts_before_anything_is_sent() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]).held();
    let _worker = work(&outbox, &api);
    let id = enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(1)).await;
    let entry = outbox.store().entry(id).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.attempts, entry.tries), (State::Leased, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_given_back_and_not_sent_again_at_once() {
    let outbox = Outbox::new(MemoryStore::new());
    let full = || Err(CallError::new(ErrorKind::LimitFull, Outcome::Unsent, "full").into());
    let late = || Err(CallError::new(ErrorKind::LimitWaitTimeout, Outcome::Unsent, "late").into());
    let api = Api::answering([full(), late(), full()]);
    let worker = work(&outbox, &api);
    let id = enqueued(&outbox, put("/orders/1")).await;
    let detail = settled(&outbox, id, 1).await;
    assert_eq!((detail.entry.state, detail.entry.attempts, detail.attempts.len()), (State::Done, 1, 1));
    assert_eq!(worker.health().given_back, 3);
    let seen = api.seen();
    assert!(
        seen.windows(2).all(|pair| (pair[1].at - pair[0].at).as_millis() >= 50),
        "it is left alone for a while"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_permit_at_a_shutdown_is_given_back() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]).held();
    let limit = ConcurrencyLimitLayer::builder().permits(2).build().unwrap();
    let worker = outbox.worker(limit.layer(api.service())).with_options(options().build().unwrap()).start();
    for order in 0..5 {
        enqueued(&outbox, put(&format!("/orders/{order}"))).await;
    }
    sleep(seconds(1)).await;
    assert_eq!((api.in_flight(), worker.health().in_flight), (2, 5));
    let release = async {
        sleep(seconds(3)).await;
        api.release(5);
    };
    let (health, ()) = tokio::join!(worker.shutdown(), release);
    assert_eq!((health.delivered, health.given_back, api.seen().len()), (2, 3, 2));
    let mut counts: Vec<_> =
        stored(&outbox).await.iter().map(|entry| (entry.state, entry.attempts, entry.tries)).collect();
    counts.sort_unstable();
    let (ready, done) = ((State::Ready, 0, 0), (State::Done, 1, 1));
    assert_eq!(counts, [ready, ready, ready, done, done]);
}

/// A client that is never ready.
#[derive(Clone)]
struct Never;

impl Service<Request<Body>> for Never {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = std::future::Pending<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::pending()
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_never_ready_makes_no_attempts_and_can_be_shut_down() {
    let outbox = Outbox::new(MemoryStore::new());
    let id = enqueued(&outbox, put("/orders/1")).await;
    let worker = outbox.worker(Never).with_options(options().build().unwrap()).start();
    sleep(seconds(200)).await;
    assert!(worker.health().given_back >= 3, "another worker may have better luck: {:?}", worker.health());
    let start = tokio::time::Instant::now();
    worker.shutdown().await;
    assert!(start.elapsed() < seconds(1));
    let entry = outbox.store().entry(id).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.attempts, entry.tries), (State::Ready, 0, 0));
}
