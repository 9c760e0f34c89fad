//! A layer that fails before it calls the client has made no attempt.

use std::time::Duration;

use http::Request;
use martello_body::Body;
use martello_limit::ConcurrencyLimitLayer;
use martello_outbox::{Filter, HeldAuthority, MemoryStore, Outbox, Reason, State};
use martello_outcome::{BoxError, CallError, ErrorKind, Outcome};
use martello_retry::RetryLayer;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn, util::BoxCloneService};

use crate::support::{Api, Inner, detail, enqueued, options, post, put, seconds, settled, work, work_with};

/// A layer that cannot get a token for one of the APIs.
fn authenticating(api: &Api, kind: ErrorKind) -> (Inner, Calls) {
    let (client, calls) = (api.service(), Calls::default());
    let made = calls.clone();
    let service = service_fn(move |request: Request<Body>| {
        let (mut client, calls) = (client.clone(), calls.clone());
        async move {
            if request.uri().host() == Some("api.example") {
                calls.0.lock().unwrap().push(Instant::now());
                return Err(BoxError::from(CallError::unsent(kind, "no token is available")));
            }
            client.ready().await?.call(request).await
        }
    });
    (BoxCloneService::new(service), made)
}

/// The times at which a token was requested.
#[derive(Clone, Default)]
struct Calls(std::sync::Arc<std::sync::Mutex<Vec<Instant>>>);

fn elsewhere(order: usize) -> Request<Body> {
    Request::put(format!("https://other.example/orders/{order}")).body(Body::from("{}")).unwrap()
}

async fn holds(outbox: &Outbox) -> Vec<HeldAuthority> {
    outbox.store().queues().await.unwrap().remove(0).holds
}

#[tokio::test(start_paused = true)]
async fn an_untried_entry_is_given_back_uncounted_and_its_api_held() {
    // One try each: an attempt that counted would make a dead letter.
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(1).build().unwrap();
    let api = Api::statuses([]);
    let (service, calls) = authenticating(&api, ErrorKind::Transport);
    let mut waiting = Vec::new();
    for order in 0..20 {
        waiting.push(enqueued(&outbox, post(&format!("/orders/{order}"))).await);
    }
    let worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    sleep(seconds(1)).await;
    for order in 0..20 {
        enqueued(&outbox, elsewhere(order)).await;
    }
    sleep(seconds(1)).await;
    assert_eq!(outbox.store().count(Filter::state(State::Done)).await.unwrap(), 20, "others go on");

    sleep(seconds(600)).await;
    for id in waiting {
        let detail = detail(&outbox, id).await;
        let entry = detail.entry;
        assert_eq!((entry.state, entry.attempts, entry.tries), (State::Ready, 0, 0));
        assert_eq!((detail.attempts.len(), entry.last_outcome), (0, None));
    }
    let calls = calls.0.lock().unwrap().clone();
    // Five at once, and one after each hold: 1, 2, 4, 8, 16, 32 and then 60 s, or half of that.
    assert!((5 + 6 + 9..=5 + 7 + 19).contains(&calls.len()), "{} calls", calls.len());
    let waits: Vec<Duration> = calls.windows(2).skip(4).map(|pair| pair[1] - pair[0]).collect();
    for (wait, longest) in waits.iter().zip([1, 2, 4, 8, 16, 32, 60, 60]) {
        assert!((seconds(longest) / 2..=seconds(longest) + seconds(1)).contains(wait), "{waits:?}");
    }
    let held = holds(&outbox).await.remove(0);
    assert_eq!((held.authority.as_str(), held.in_row as usize), ("api.example", calls.len() - 4));
    assert!(held.why.contains("no token is available"), "{held:?}");
    let health = worker.health();
    assert_eq!((health.given_back, health.failures_in_row), (calls.len() as u64, 0));
    assert_eq!(health.deferred(Outcome::Unsent), 0);
}

#[tokio::test(start_paused = true)]
async fn deliveries_resume_at_full_speed() {
    let outbox = Outbox::new(MemoryStore::new());
    let up = Instant::now() + seconds(100);
    let api = Api::with(move |_| async move {
        if Instant::now() < up {
            return Err(CallError::unsent(ErrorKind::Transport, "no token is available").into());
        }
        sleep(Duration::from_millis(100)).await;
        crate::support::status(200)
    });
    for order in 0..100 {
        enqueued(&outbox, post(&format!("/orders/{order}"))).await;
    }
    let _worker = work(&outbox, &api);
    sleep(seconds(100 + 60 + 3)).await;
    assert_eq!(outbox.store().count(Filter::state(State::Done)).await.unwrap(), 100);
    assert_eq!((holds(&outbox).await, api.most_in_flight()), (Vec::new(), 5));
}

#[tokio::test(start_paused = true)]
async fn other_layers_pass_the_error_on() {
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(1).build().unwrap();
    let (service, calls) = authenticating(&Api::statuses([]), ErrorKind::Transport);
    let limit = ConcurrencyLimitLayer::builder().permits(2).build().unwrap();
    let service = RetryLayer::default().layer(limit.layer(service));
    let id = enqueued(&outbox, put("/orders/1")).await;
    let _worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    sleep(seconds(60)).await;
    let entry = outbox.store().entry(id).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.attempts), (State::Ready, 0));
    assert!((5..=8).contains(&calls.0.lock().unwrap().len()), "{:?}", calls.0);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_can_never_be_sent_is_rejected_and_holds_nothing() {
    let outbox = Outbox::new(MemoryStore::new());
    let (service, _) = authenticating(&Api::statuses([]), ErrorKind::Unsendable);
    let _worker = outbox.worker(service).with_options(options().build().unwrap()).start();
    for order in 0..10 {
        let ticket = outbox.enqueue(put(&format!("/orders/{order}"))).await.unwrap();
        let entry = ticket.ended().await.unwrap();
        assert_eq!((entry.reason, entry.attempts), (Some(Reason::Rejected), 1));
    }
    assert_eq!(holds(&outbox).await, Vec::new());
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_counts_as_a_try() {
    let outbox = Outbox::new(MemoryStore::new());
    let api =
        Api::with(|_| async { Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()) });
    let hour = seconds(3_600);
    let worker = work_with(&outbox, &api, options().backoff(hour, hour));
    let id = enqueued(&outbox, post("/orders")).await;
    let detail = settled(&outbox, id, 1).await;
    assert_eq!((detail.entry.state, detail.entry.tries), (State::Ready, 1));
    assert_eq!((detail.attempts[0].outcome, worker.health().failures_in_row), (Outcome::Unsent, 1));
}
