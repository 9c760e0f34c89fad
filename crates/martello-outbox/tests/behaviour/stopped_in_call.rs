//! A shutdown that begins while a service is being called: what it may have sent is not given back.

use std::sync::Arc;

use http::{Request, Response};
use martello_body::Body;
use martello_outbox::{MemoryStore, Outbox, State, WorkerPhase};
use tokio::sync::Notify;
use tower::service_fn;

use crate::support::put;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_handed_to_the_service_before_a_shutdown_is_not_given_back() {
    let outbox = Outbox::new(MemoryStore::new());
    let ticket = outbox.enqueue(put("/orders/17")).await.unwrap();
    let called = Arc::new(Notify::new());
    let (monitor, monitored) = std::sync::mpsc::channel::<martello_outbox::WorkerMonitor>();
    let (monitored, stop) = (Arc::new(std::sync::Mutex::new(monitored)), called.clone());
    // As a buffer does: the request is on its way when `call` returns, whether or not its future is ever
    // polled.
    let service = service_fn(move |_: Request<Body>| {
        called.notify_one();
        let monitor = monitored.lock().unwrap().recv().unwrap();
        while monitor.health().phase != WorkerPhase::Draining {
            std::thread::yield_now();
        }
        async { Ok::<_, std::convert::Infallible>(Response::new(Body::empty())) }
    });
    let worker = outbox.worker(service);
    monitor.send(worker.monitor()).unwrap();
    worker.run_until(stop.notified()).await;
    let entry = ticket.status().await.unwrap();
    assert_eq!((entry.state, entry.attempts), (State::Done, 1));
}
