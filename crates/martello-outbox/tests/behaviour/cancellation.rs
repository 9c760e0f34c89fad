//! A call that is dropped, wherever it stands, keeps no key and stores nothing by halves.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use martello_body::Body;
use martello_outbox::{Outbox, OutboxLayer, Sent};
use martello_outcome::BoxError;
use martello_testkit::ScriptedBody;
use tokio::time::{Sleep, sleep, timeout};
use tower::{Layer, Service, ServiceExt};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Answer, Api, detail, seconds, send, status, stored},
};

const STEP: Duration = Duration::from_millis(10);

fn put() -> Request<Body> {
    let body = ScriptedBody::new().data("all ").pending().data("of it");
    Request::put("https://api.example/orders/1").body(Body::new(body)).unwrap()
}

/// A stack whose readiness and answer take a step each, and that reads nothing of the body.
#[derive(Clone, Default)]
struct Slow(Option<Arc<Mutex<Pin<Box<Sleep>>>>>);

impl Service<Request<Body>> for Slow {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let timer = self.0.get_or_insert_with(|| Arc::new(Mutex::new(Box::pin(sleep(STEP)))));
        timer.lock().unwrap().as_mut().poll(cx).map(Ok)
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        Box::pin(async {
            sleep(STEP).await;
            status(503)
        })
    }
}

/// A store of which each operation takes two steps: it is done in between.
fn slow_store() -> Steered {
    let store = Steered::default();
    for op in [Op::KeyState, Op::Enqueue] {
        store.set(op, Fault::Late(STEP));
    }
    store
}

/// What is left by a call that is dropped after so long; whether it had ended.
async fn dropped_after(time: Duration) -> bool {
    let outbox = Outbox::new(slow_store());
    let service = OutboxLayer::new(outbox.clone()).layer(Slow::default());
    // The first has the key for half a step, and the one that is looked at waits for it.
    let mut earlier = Box::pin(service.clone().oneshot(put()));
    let mut call = Box::pin(timeout(time, service.oneshot(put())));
    for waits in
        [timeout(Duration::ZERO, &mut earlier).await.is_err(), timeout(STEP / 2, &mut call).await.is_err()]
    {
        assert!(waits);
    }
    drop(earlier);
    let ended = call.await.is_ok();

    let entries = stored(&outbox).await;
    assert!(entries.len() <= 1, "{entries:?}");
    for entry in &entries {
        let detail = detail(&outbox, entry.id).await;
        assert_eq!(detail.revisions.len(), 1);
        assert_eq!(detail.attempts.len(), 1);
        assert!(detail.revisions.iter().all(|revision| revision.request.body == "all of it"));
    }
    // Its turn is free within the time; and what it stored, if anything, is before the next.
    let next = timeout(seconds(5), send(&outbox, &Api::statuses([200]), put())).await;
    match next.unwrap() {
        Sent::Answered(_) => assert_eq!(entries.len(), 0),
        Sent::Deferred(_) => assert_eq!(entries.len(), 1),
        Sent::DeadLettered(ticket) => panic!("{ticket:?}"),
    }
    ended
}

#[tokio::test(start_paused = true)]
async fn at_every_step_of_the_call() {
    let mut steps = 0;
    while !dropped_after(STEP / 2 * (steps + 1) + STEP / 4).await {
        steps += 1;
    }
    assert!(steps >= 8, "the key, the question what is pending, readiness, the answer, storing: {steps}");
}

#[tokio::test(start_paused = true)]
async fn at_every_step_of_storing_directly() {
    for step in 0..6 {
        let outbox = Outbox::new(slow_store());
        let call = timeout(STEP / 2 * step + STEP / 4, outbox.enqueue(put()));
        let ended = call.await.is_ok();
        let entries = stored(&outbox).await;
        assert!(entries.len() == 1 || !ended);
        let next = timeout(seconds(5), outbox.enqueue(put())).await.unwrap().unwrap();
        assert_eq!(stored(&outbox).await.len(), entries.len() + 1);
        assert_eq!(detail(&outbox, next.id()).await.entry.attempts, 0);
    }
}
