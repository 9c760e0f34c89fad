//! More failing APIs than a queue has capacity for, and than a store remembers holds.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Request;
use jiff::Timestamp;
use martello_body::Body;
use martello_outbox::{Filter, HeldAuthority, MemoryStore, Outbox, State};
use martello_outcome::{BoxError, CallError, ErrorKind};
use tokio::{sync::Notify, time::sleep};
use tower::{service_fn, util::BoxCloneService};

use crate::support::{Inner, enqueued, options, seconds, status};

fn to(host: &str, path: usize) -> Request<Body> {
    Request::put(format!("https://{host}.example/{path}")).body(Body::from("{}")).unwrap()
}

async fn holds(outbox: &Outbox) -> Vec<HeldAuthority> {
    outbox.store().queues().await.unwrap().remove(0).holds
}

async fn done(outbox: &Outbox) -> u64 {
    outbox.store().count(Filter::state(State::Done)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn apis_that_do_not_answer_leave_capacity_for_one_that_does() {
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(1_000).build().unwrap();
    let service: Inner = BoxCloneService::new(service_fn(|request: Request<Body>| async move {
        if request.uri().host() != Some("up.example") {
            pending::<()>().await;
        }
        sleep(Duration::from_millis(100)).await;
        status(200)
    }));
    let _worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    for path in 0..30 {
        for api in 0..16 {
            enqueued(&outbox, to(&format!("silent-{api}"), path)).await;
        }
    }
    // Five attempts of 30 s at each API, five at a time. Then all APIs are held.
    sleep(seconds(16 * 30 + 60)).await;
    assert_eq!(holds(&outbox).await.len(), 16);
    for path in 0..20 {
        enqueued(&outbox, to("up", path)).await;
    }
    sleep(seconds(60)).await;
    assert_eq!(done(&outbox).await, 20);
}

/// How many calls a worker makes in this many seconds for this many APIs without a token.
async fn without_tokens(apis: usize, time: u64) -> usize {
    let outbox = Outbox::new(MemoryStore::new());
    for api in 0..apis {
        enqueued(&outbox, to(&format!("api-{api}"), 0)).await;
    }
    let (calls, too_many) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (made, enough) = (calls.clone(), too_many.clone());
    let service: Inner = BoxCloneService::new(service_fn(move |_: Request<Body>| {
        if made.fetch_add(1, Ordering::SeqCst) == 8_000 {
            enough.notify_one();
        }
        async { Err(BoxError::from(CallError::unsent(ErrorKind::Transport, "no token"))) }
    }));
    let _worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    tokio::select! {
        () = too_many.notified() => {}
        () = sleep(seconds(time)) => {}
    }
    calls.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn more_apis_without_a_token_than_a_store_remembers_are_not_called_faster() {
    let calls = without_tokens(1_100, 60).await;
    assert!(calls <= 1_100, "{calls} calls in a minute");
}

/// An operator ends the hold while the probe still hangs.
#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_does_not_undo_a_resume() {
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(1_000).build().unwrap();
    for path in 0..100 {
        enqueued(&outbox, to("api", path)).await;
    }
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let service: Inner = BoxCloneService::new(service_fn(move |_: Request<Body>| {
        let up = is_up.load(Ordering::SeqCst);
        async move {
            if !up {
                pending::<()>().await;
            }
            sleep(Duration::from_millis(500)).await;
            status(200)
        }
    }));
    let worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    sleep(seconds(300)).await;
    while !worker.health().probing {
        sleep(seconds(1)).await;
    }
    sleep(seconds(3)).await;
    up.store(true, Ordering::SeqCst);
    outbox.store().resume(outbox.queue()).await.unwrap();
    for _ in 0..60 {
        sleep(seconds(1)).await;
        assert_eq!(holds(&outbox).await, Vec::new());
    }
    // All but the one that hung, which waits for its next attempt.
    assert!(done(&outbox).await >= 99 - 5, "{}", done(&outbox).await);
}

#[tokio::test(start_paused = true)]
async fn failures_of_an_api_without_further_attempts_are_forgotten() {
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(3).build().unwrap();
    let service: Inner = BoxCloneService::new(service_fn(|request: Request<Body>| async move {
        status(if request.uri().host() == Some("down.example") { 503 } else { 200 })
    }));
    let worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    enqueued(&outbox, to("down", 1)).await;
    sleep(seconds(10)).await;
    assert_eq!(worker.health().failures_in_row, 3);
    enqueued(&outbox, to("up", 1)).await;
    sleep(seconds(20)).await;
    assert_eq!(worker.health().failures_in_row, 3, "another that is up says nothing of it");
    sleep(seconds(120)).await;
    assert_eq!(worker.health().failures_in_row, 0);
}

/// The `Retry-After` counts if it is longer than the hold.
#[tokio::test(start_paused = true)]
async fn a_hold_lasts_as_long_as_retry_after_asks_for_within_an_hour() {
    for (asked, from, up_to) in [("90", 90, 100), ("7200", 3_600, 3_610)] {
        let before = Timestamp::now();
        let outbox = Outbox::new(MemoryStore::new());
        let service: Inner = BoxCloneService::new(service_fn(move |_: Request<Body>| async move {
            let mut response = status(503)?;
            response.headers_mut().insert("retry-after", asked.parse().unwrap());
            Ok::<_, BoxError>(response)
        }));
        let _worker = outbox.worker(service).with_options(options().hold_after(1).build().unwrap()).start();
        enqueued(&outbox, to("api", 1)).await;
        sleep(seconds(1)).await;
        let lasts = holds(&outbox).await.remove(0).until.duration_since(before).as_secs();
        assert!((from..=up_to).contains(&lasts), "{asked}: {lasts}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_apis_without_a_token_do_not_block_one_that_has_one() {
    let outbox = Outbox::new(MemoryStore::new());
    for api in 0..100 {
        enqueued(&outbox, to(&format!("api-{api}"), 0)).await;
    }
    for path in 0..20 {
        enqueued(&outbox, to("up", path)).await;
    }
    let service: Inner = BoxCloneService::new(service_fn(|request: Request<Body>| async move {
        match request.uri().host() {
            Some("up.example") => status(200),
            _ => Err(BoxError::from(CallError::unsent(ErrorKind::Transport, "no token"))),
        }
    }));
    let _worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    sleep(seconds(30)).await;
    assert_eq!(done(&outbox).await, 20);
}
