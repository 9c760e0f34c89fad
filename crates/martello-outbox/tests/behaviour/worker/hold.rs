//! Paused queues, and holds after failures.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Request};
use martello_body::Body;
use martello_outbox::{
    Filter, HeldAuthority, MemoryStore, Outbox, Reason, State,
    store::{End, HoldChange, Settlement, Turn, WorkerId},
};
use martello_outcome::{CallError, ErrorKind, Outcome};
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, util::BoxCloneService};

use crate::{
    steered::Steered,
    support::{Api, Inner, enqueued, options, post, put, seconds, status, work, work_with},
};

/// Holds the authority of the first entry.
async fn hold(outbox: &Outbox, wait: Duration) {
    let turn = |claim, settle| Turn {
        queue: outbox.queue().clone(),
        worker: WorkerId::new("a test").unwrap(),
        settle,
        claim,
        cap: 5,
        lease_duration: seconds(60),
    };
    let claimed = outbox.store().turn(turn(1, Vec::new())).await.unwrap().claimed.remove(0);
    let hold = HoldChange::For { holds_in_row: claimed.holds_in_row, wait, why: "a test".into() };
    let settlement = Settlement { lease: claimed.lease, end: End::GiveBack, attempt: None, hold };
    outbox.store().turn(turn(0, vec![settlement])).await.unwrap();
}

async fn holds(outbox: &Outbox) -> Vec<HeldAuthority> {
    outbox.store().queues().await.unwrap().remove(0).holds
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_from_a_paused_queue() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]);
    let _worker = work_with(&outbox, &api, options().poll_every(seconds(60)));
    outbox.store().pause(outbox.queue(), "a migration").await.unwrap();
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    sleep(seconds(7_200)).await;
    assert_eq!((ticket.status().await.unwrap().state, api.seen().len()), (State::Ready, 0));
    let resumed = Instant::now();
    outbox.store().resume(outbox.queue()).await.unwrap();
    ticket.ended().await.unwrap();
    assert!(resumed.elapsed() < Duration::from_millis(20));
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_after_its_time() {
    let outbox = Outbox::new(MemoryStore::new());
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    hold(&outbox, seconds(33)).await;
    let held = Instant::now();
    let _worker = work_with(&outbox, &Api::statuses([]), options().poll_every(seconds(60)));
    ticket.ended().await.unwrap();
    assert!(held.elapsed() >= seconds(33) && held.elapsed() < seconds(34), "{:?}", held.elapsed());
}

#[tokio::test(start_paused = true)]
async fn during_an_outage_one_probe_is_in_flight_and_afterwards_all_entries_go_on() {
    let outbox = Outbox::new(MemoryStore::new());
    let up = Instant::now() + seconds(120);
    let api = Api::with(move |_| async move {
        sleep(Duration::from_millis(100)).await;
        status(if Instant::now() < up { 503 } else { 200 })
    });
    let worker = work(&outbox, &api);
    for order in 0..100 {
        enqueued(&outbox, post(&format!("/orders/{order}"))).await;
    }
    sleep(seconds(110)).await;
    let health = worker.health();
    assert!(health.failures_in_row >= 10, "{health:?}");
    let during = api.seen().len();
    assert!((10..=5 + 12).contains(&during), "five, and one after each hold: {during}");
    let held = holds(&outbox).await.remove(0);
    assert_eq!((held.authority.as_str(), held.in_row + 4), ("api.example", health.failures_in_row));
    assert!(held.why.contains("503"), "{held:?}");

    // The longest hold, a probe, and the rest five at a time.
    sleep(seconds(10 + 60 + 3)).await;
    let health = worker.health();
    assert_eq!((health.delivered, health.probing, health.failures_in_row), (100, false, 0));
    assert_eq!(api.most_in_flight(), 5);
}

/// A token that the server stops to accept, and that the client renews some time later.
#[derive(Clone, Default)]
struct Token {
    valid: Arc<AtomicU64>,
    held: Arc<AtomicU64>,
    refused: Arc<AtomicU32>,
}

impl Token {
    /// Adds the token to each request.
    fn on(&self, client: Inner) -> Inner {
        let held = Arc::clone(&self.held);
        BoxCloneService::new(client.map_request(move |mut request: Request<Body>| {
            let token = HeaderValue::from(held.load(Ordering::SeqCst));
            request.headers_mut().insert("authorization", token);
            request
        }))
    }

    /// The server, which takes 50 ms to answer.
    fn server(&self) -> Api {
        let token = self.clone();
        Api::with(move |seen| {
            let token = token.clone();
            async move {
                sleep(Duration::from_millis(50)).await;
                if seen.headers.get("authorization")
                    == Some(&HeaderValue::from(token.valid.load(Ordering::SeqCst)))
                {
                    return status(200);
                }
                token.refused.fetch_add(1, Ordering::SeqCst);
                status(401)
            }
        })
    }
}

/// Expires the token during the delivery of so many entries. Returns how many attempts failed beside the
/// probes.
async fn a_token_expires_in_a_drain(total: u64, workers: usize) -> u32 {
    let store = Steered::default();
    // One attempt each: a 401 that counted would make a dead letter.
    let outbox = Outbox::builder(store.clone()).max_attempts(1).build().unwrap();
    let token = Token::default();
    let api = token.server();
    for order in 0..total {
        enqueued(&outbox, put(&format!("/orders/{order}"))).await;
    }
    let service = token.on(api.service());
    let workers: Vec<_> = (0..workers)
        .map(|seed| {
            let options = options().seed(seed as u64).build().unwrap();
            outbox.worker(service.clone()).with_options(options).start()
        })
        .collect();
    // A hundred in each second.
    sleep(Duration::from_millis(total * 4)).await;
    token.valid.store(1, Ordering::SeqCst);
    sleep(seconds(30)).await;
    let count = async |state| outbox.store().count(Filter::state(state)).await.unwrap();
    let (done, holds) = (count(State::Done).await, store.holds());
    assert!((total / 4..=total / 2).contains(&done) && holds >= workers.len(), "{done} done, {holds} holds");
    assert_eq!(count(State::Dead).await, 0);
    let wasted = token.refused.load(Ordering::SeqCst) - u32::try_from(holds).unwrap();

    token.held.store(1, Ordering::SeqCst);
    // The longest hold, a probe, and the rest five at a time.
    sleep(seconds(60 + 10)).await;
    assert_eq!((count(State::Done).await, count(State::Dead).await), (total, 0));
    assert_eq!(api.most_in_flight(), 5);
    wasted
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_holds_the_authority_and_makes_no_dead_letter() {
    let wasted = a_token_expires_in_a_drain(1_000, 1).await;
    assert!(wasted <= 4 + 4, "four before the hold, and those in flight beside the fifth: {wasted}");
}

#[tokio::test(start_paused = true)]
async fn each_worker_wastes_few_attempts_on_an_expired_token() {
    let wasted = a_token_expires_in_a_drain(300, 3).await;
    assert!(wasted <= 3 * (4 + 4), "{wasted}");
}

/// The server has not seen such a request, so that it says nothing about the server.
#[tokio::test(start_paused = true)]
async fn requests_that_the_client_refuses_do_not_count_as_failures_of_the_api() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(|seen| async move {
        match seen.path.starts_with("/refused") {
            true => Err(CallError::new(ErrorKind::Unsendable, Outcome::Unsent, "no such scheme").into()),
            false => status(503),
        }
    });
    let hour = seconds(3_600);
    let worker = work_with(&outbox, &api, options().hold_after(3).backoff(hour, hour).poll_every(seconds(1)));
    let mut dead = 0;
    for (path, count, failures, held) in
        [("/orders", 2, 2, 0), ("/refused", 5, 2, 0), ("/orders", 1, 3, 1), ("/refused", 2, 3, 1)]
    {
        for _ in 0..count {
            enqueued(&outbox, post(path)).await;
        }
        sleep(seconds(30)).await;
        dead += if path == "/refused" { count } else { 0 };
        let health = worker.health();
        let found = (health.failures_in_row, holds(&outbox).await.len());
        assert_eq!(found, (failures, held), "{path}: {health:?}");
        assert_eq!(health.dead_letters(Reason::Rejected), dead);
    }
}
