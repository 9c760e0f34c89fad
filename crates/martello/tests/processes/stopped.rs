//! A worker that is stopped for longer than its lease changes nothing after it is continued.

use std::time::Duration;

use http::Request;
use martello::{
    Body, Outcome,
    outbox::{Detail, State, Ticket},
};
use martello_testkit::Reply;

use crate::{
    check::is_lost,
    child::Child,
    fixture::Fixture,
    process_config::Role,
    settings::print,
    test_store::{TestStore, in_a_file, in_a_schema},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stopped_with_a_request_on_the_wire_settles_nothing_in_a_file() {
    in_a_file(on_the_wire).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_worker_stopped_with_a_request_on_the_wire_settles_nothing_in_a_schema() {
    in_a_schema(on_the_wire).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stopped_before_it_settled_is_fenced_in_a_file() {
    in_a_file(before_settling).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_worker_stopped_before_it_settled_is_fenced_in_a_schema() {
    in_a_schema(before_settling).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_wakes_up_while_another_delivers_is_fenced_in_a_file() {
    in_a_file(while_another_delivers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_worker_that_wakes_up_while_another_delivers_is_fenced_in_a_schema() {
    in_a_schema(while_another_delivers).await;
}

/// The response waits in the socket of the stopped worker. When the worker is continued, the scheduler
/// decides whether it drops the delivery first, or reads the response first and is fenced.
async fn on_the_wire(test_store: TestStore) {
    let engine = test_store.engine();
    let mut fixture = fixture(test_store).await;
    fixture.server.reply(Reply::status(201).delay(Duration::from_millis(300)));
    let ticket = enqueue(&fixture).await;
    fixture.spawn(Role::Worker);
    fixture.server.received(1).await;
    fixture.children[0].stop();
    let health = take_over(&mut fixture, &ticket).await;
    assert_eq!(health.delivered, 0, "{health:?}");
    assert_eq!(health.fenced + health.lost, 1, "{health:?}");
    print(&format!("a worker stopped with a request on the wire, on {engine}: {health:?}"));
}

/// The worker has read the response when it is stopped; only the settlement remains.
async fn before_settling(test_store: TestStore) {
    let engine = test_store.engine();
    let mut fixture = fixture(test_store).await;
    let ticket = enqueue(&fixture).await;
    fixture.spawn(Role::Sleeper);
    let health = take_over(&mut fixture, &ticket).await;
    assert_eq!((health.delivered, health.fenced, health.lost), (0, 1, 0));
    print(&format!("a worker stopped before it settled, on {engine}: {health:?}"));
}

/// The worker settles while another worker holds the lease of the same entry.
async fn while_another_delivers(test_store: TestStore) {
    let engine = test_store.engine();
    let mut fixture = fixture(test_store).await;
    fixture.server.replies([Reply::status(201), Reply::status(201).delay(Duration::from_millis(600))]);
    let ticket = enqueue(&fixture).await;
    fixture.spawn(Role::Sleeper);
    within("the first worker is stopped", fixture.children[0].stopped()).await;
    fixture.spawn(Role::Worker);
    fixture.server.received(2).await;
    fixture.children[0].resume();
    let (first, other) =
        (Health::of(&mut fixture.children[0]).await, Health::of(&mut fixture.children[1]).await);
    assert_eq!((first.delivered, first.fenced, first.lost), (0, 1, 0));
    assert_eq!((other.delivered, other.fenced, other.lost), (1, 0, 0));
    assert_once(&fixture, &ticket.detail().await.unwrap());
    print(&format!("a worker that wakes up while another delivers, on {engine}: {first:?}"));
}

async fn fixture(test_store: TestStore) -> Fixture {
    let mut fixture = Fixture::new(test_store, 5, 0..1, 0).await;
    fixture.api.accept_all();
    fixture.lease = Duration::from_secs(1);
    fixture
}

async fn enqueue(fixture: &Fixture) -> Ticket {
    let request = Request::put(fixture.server.uri("/orders/1")).body(Body::from("{}")).unwrap();
    fixture.outbox().await.enqueue(request).await.unwrap()
}

/// Waits until the first worker is stopped, lets another deliver, continues the first, and returns its
/// health.
async fn take_over(fixture: &mut Fixture, ticket: &Ticket) -> Health {
    within("the first worker is stopped", fixture.children[0].stopped()).await;
    assert_eq!(ticket.status().await.unwrap().state, State::Leased);
    fixture.spawn(Role::Worker);
    let entry = within("the other takes over", ticket.ended()).await.unwrap();
    assert_eq!(entry.state, State::Done);
    let before = ticket.detail().await.unwrap();
    assert_once(fixture, &before);

    fixture.children[0].resume();
    let health = Health::of(&mut fixture.children[0]).await;
    assert_eq!(ticket.detail().await.unwrap(), before, "the fenced worker changed the entry");
    health
}

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let waited = tokio::time::timeout(Duration::from_secs(30), future).await;
    waited.unwrap_or_else(|_| panic!("timed out while waiting until {what}"))
}

/// Asserts that the first attempt was lost and the second was settled.
fn assert_once(fixture: &Fixture, detail: &Detail) {
    let [lost, settled] = &detail.attempts[..] else { panic!("expected two attempts: {detail:?}") };
    assert!(is_lost(lost), "{lost:?}");
    assert_eq!(settled.outcome, Outcome::Success);
    let names = fixture.children.iter().map(|child| child.config.name.as_str());
    assert!(names.eq(detail.attempts.iter().filter_map(|attempt| attempt.worker.as_deref())));
    assert_eq!(
        fixture.server.requests().len(),
        2,
        "the server received both attempts, as at-least-once delivery allows"
    );
}

/// What a worker reports about itself.
#[derive(Debug)]
struct Health {
    delivered: u64,
    fenced: u64,
    lost: u64,
}

impl Health {
    /// Asks a worker for its health until it has settled or lost its delivery.
    async fn of(child: &mut Child) -> Self {
        let asked = async {
            for times in 0.. {
                child.send_line("health");
                let health = Self::parse(&child.wait_for_line("delivered ", times).await);
                if health.delivered + health.fenced + health.lost > 0 {
                    return health;
                }
            }
            unreachable!("the loop has no end");
        };
        within("a worker has settled or lost its delivery", asked).await
    }

    /// Parses `1 fenced 0 lost 0`, which `roles/worker.rs` writes.
    fn parse(text: &str) -> Self {
        let words: Vec<_> = text.split(' ').collect();
        let [delivered, "fenced", fenced, "lost", lost] = words[..] else {
            panic!("{text:?} is not the health of a worker")
        };
        let number = |word: &str| word.parse().unwrap();
        Self { delivered: number(delivered), fenced: number(fenced), lost: number(lost) }
    }
}
