//! A worker that stands still for longer than its lease, and wakes up, changes nothing any more.

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
    ground::{Ground, in_a_file, in_a_schema},
    part::Role,
    settings::tell,
    stage::Stage,
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

/// The answer waits in the socket of the one that is stopped. Whether it drops the delivery first when it wakes up, or
/// reads the answer first and is fenced, is up to the scheduler.
async fn on_the_wire(ground: Ground) {
    let engine = ground.engine();
    let mut stage = stage(ground).await;
    stage.server.reply(Reply::status(201).delay(Duration::from_millis(300)));
    let ticket = enqueue(&stage).await;
    stage.enter(Role::Worker);
    stage.server.received(1).await;
    stage.cast[0].stop();
    let health = take_over(&mut stage, &ticket).await;
    assert_eq!(health.delivered, 0, "{health:?}");
    assert_eq!(health.fenced + health.lost, 1, "{health:?}");
    tell(&format!("a worker stopped with a request on the wire, on {engine}: {health:?}"));
}

/// It has read the answer when it is stopped, so that all it has to do afterwards is to settle.
async fn before_settling(ground: Ground) {
    let engine = ground.engine();
    let mut stage = stage(ground).await;
    let ticket = enqueue(&stage).await;
    stage.enter(Role::Sleeper);
    let health = take_over(&mut stage, &ticket).await;
    assert_eq!((health.delivered, health.fenced, health.lost), (0, 1, 0));
    tell(&format!("a worker stopped before it settled, on {engine}: {health:?}"));
}

/// It settles while the entry is leased as it was when it had it, but by another.
async fn while_another_delivers(ground: Ground) {
    let engine = ground.engine();
    let mut stage = stage(ground).await;
    stage.server.replies([Reply::status(201), Reply::status(201).delay(Duration::from_millis(600))]);
    let ticket = enqueue(&stage).await;
    stage.enter(Role::Sleeper);
    within("the first worker stands still", stage.cast[0].stopped()).await;
    stage.enter(Role::Worker);
    stage.server.received(2).await;
    stage.cast[0].go_on();
    let (first, other) = (Health::of(&mut stage.cast[0]).await, Health::of(&mut stage.cast[1]).await);
    assert_eq!((first.delivered, first.fenced, first.lost), (0, 1, 0));
    assert_eq!((other.delivered, other.fenced, other.lost), (1, 0, 0));
    assert_once(&stage, &ticket.detail().await.unwrap());
    tell(&format!("a worker that wakes up while another delivers, on {engine}: {first:?}"));
}

async fn stage(ground: Ground) -> Stage {
    let mut stage = Stage::new(ground, 5, 0..1, 0).await;
    stage.ledger.calm_down();
    stage.lease = Duration::from_secs(1);
    stage
}

async fn enqueue(stage: &Stage) -> Ticket {
    let request = Request::put(stage.server.uri("/orders/1")).body(Body::from("{}")).unwrap();
    stage.outbox().await.enqueue(request).await.unwrap()
}

/// Once the first worker stands still, has another deliver; wakes up the first, and asks how it stands when it has
/// noticed.
async fn take_over(stage: &mut Stage, ticket: &Ticket) -> Health {
    within("the first worker stands still", stage.cast[0].stopped()).await;
    assert_eq!(ticket.status().await.unwrap().state, State::Leased);
    stage.enter(Role::Worker);
    let entry = within("the other takes over", ticket.ended()).await.unwrap();
    assert_eq!(entry.state, State::Done);
    let before = ticket.detail().await.unwrap();
    assert_once(stage, &before);

    stage.cast[0].go_on();
    let health = Health::of(&mut stage.cast[0]).await;
    assert_eq!(ticket.detail().await.unwrap(), before, "who was fenced has changed something");
    health
}

async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let waited = tokio::time::timeout(Duration::from_secs(30), future).await;
    waited.unwrap_or_else(|_| panic!("waited for nothing: {what}"))
}

/// The first attempt was lost, and the second is the one that counts.
fn assert_once(stage: &Stage, detail: &Detail) {
    let [lost, settled] = &detail.attempts[..] else { panic!("not two attempts: {detail:?}") };
    assert!(is_lost(lost), "{lost:?}");
    assert_eq!(settled.outcome, Outcome::Success);
    let names = stage.cast.iter().map(|child| child.part.name.as_str());
    assert!(names.eq(detail.attempts.iter().filter_map(|attempt| attempt.worker.as_deref())));
    assert_eq!(stage.server.requests().len(), 2, "both were received: that is what at least once means");
}

/// What a worker says of itself.
#[derive(Debug)]
struct Health {
    delivered: u64,
    fenced: u64,
    lost: u64,
}

impl Health {
    /// How a worker stands, once it knows what has become of its delivery.
    async fn of(child: &mut Child) -> Self {
        let asked = async {
            for times in 0.. {
                child.tell("how are you?");
                let health = Self::parse(&child.hears("delivered ", times).await);
                if health.delivered + health.fenced + health.lost > 0 {
                    return health;
                }
            }
            unreachable!("it is asked for ever");
        };
        within("a worker notices what has become of its delivery", asked).await
    }

    /// `1 fenced 0 lost 0`, as in `roles/worker.rs`.
    fn parse(text: &str) -> Self {
        let words: Vec<_> = text.split(' ').collect();
        let [delivered, "fenced", fenced, "lost", lost] = words[..] else {
            panic!("{text:?} is not how a worker stands")
        };
        let number = |word: &str| word.parse().unwrap();
        Self { delivered: number(delivered), fenced: number(fenced), lost: number(lost) }
    }
}
