//! Futures that are dropped before they are ready.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use martello_log::LogLayer;
use martello_outcome::{Abandoned, CallNotes, ErrorKind, Outcome};
use martello_testkit::ScriptedBody;
use tower::{Layer, Service, ServiceExt, service_fn};
use tracing::{Level, info};

use crate::support::{Recorder, put};

type Never = Result<Response<ScriptedBody>, Infallible>;

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_one_event() {
    let recorder = Recorder::new();
    let inner = service_fn(async |request: Request<_>| {
        CallNotes::of(request.extensions()).unwrap().attempt(2);
        pending::<Never>().await
    });
    let call = LogLayer::calls().layer(inner).oneshot(put(""));
    tokio::time::timeout(Duration::from_secs(3), call).await.unwrap_err();

    let event = recorder.event();
    assert_eq!((event.level, event.get("outcome")), (Level::WARN, Some("cancelled")));
    assert_eq!(event.get("error.type"), Some("cancelled"));
    assert_eq!(event.get("total_ms"), Some("3000"));
    assert_eq!(event.get("attempts"), Some("2"));
    assert_eq!(event.get("head_ms"), None);
    assert_eq!(event.get("http.response.status_code"), None);
}

#[tokio::test]
async fn a_call_that_is_dropped_before_its_first_poll_leaves_one_event() {
    let recorder = Recorder::new();
    let inner = service_fn(async |_: Request<_>| pending::<Never>().await);
    let mut service = LogLayer::attempts().layer(inner);
    drop(service.ready().await.unwrap().call(put("")));
    let event = recorder.event();
    assert_eq!((event.level, event.get("outcome")), (Level::INFO, Some("cancelled")));
}

#[tokio::test]
async fn a_call_that_an_outer_layer_abandons_has_the_reason() {
    let late = Abandoned::new(ErrorKind::AttemptTimeout, Outcome::Ambiguous, "no response came in time");
    let stopped = Abandoned::cancelled(Outcome::Unsent, "the worker stops");
    for (reason, outcome, kind) in [(late, "ambiguous", "attempt_timeout"), (stopped, "unsent", "cancelled")]
    {
        let recorder = Recorder::new();
        let inner = service_fn(async |_: Request<_>| pending::<Never>().await);
        let mut call = tokio_test::task::spawn(LogLayer::attempts().layer(inner).oneshot(put("")));
        assert!(call.poll().is_pending());
        reason.while_dropping(|| drop(call));
        let event = recorder.event();
        assert_eq!((event.level, event.get("outcome")), (Level::INFO, Some(outcome)));
        assert_eq!(event.get("error.type"), Some(kind));
        assert_eq!(event.get("exception.message"), Some(&*format!("{:?}", reason.message())));
        assert_eq!(event.get("body_end"), None);
    }
}

/// Says something when it is dropped.
struct Talks;

impl Drop for Talks {
    fn drop(&mut self) {
        info!(target: "martello::test", "gone");
    }
}

#[tokio::test]
async fn what_is_inside_goes_before_the_event_and_in_the_calls_span() {
    let recorder = Recorder::new();
    let inner = service_fn(async |_: Request<_>| {
        let _talks = Talks;
        pending::<Never>().await
    });
    let attempts = LogLayer::attempts().layer(inner);
    let mut call = tokio_test::task::spawn(LogLayer::calls().layer(attempts).oneshot(put("")));
    assert!(call.poll().is_pending());
    drop(call);

    let events = recorder.events();
    let targets: Vec<_> = events.iter().map(|event| event.target).collect();
    assert_eq!(targets, ["martello::test", "martello::attempt", "martello::call"]);
    assert!(events.iter().all(|event| event.spans == ["call"]), "{events:#?}");
}

/// Is ready at once, and still holds something.
struct Keeps {
    _talks: Talks,
}

impl Future for Keeps {
    type Output = Never;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Never> {
        Poll::Ready(Ok(Response::new(ScriptedBody::new())))
    }
}

#[tokio::test]
async fn what_a_ready_future_still_holds_goes_before_the_event_too() {
    let recorder = Recorder::new();
    let inner = service_fn(|_: Request<_>| {
        info!(target: "martello::test", "called");
        Keeps { _talks: Talks }
    });
    let mut service = LogLayer::calls().layer(inner);
    let mut call = service.ready().await.unwrap().call(put(""));
    (&mut call).await.unwrap();

    let events = recorder.events();
    let targets: Vec<_> = events.iter().map(|event| event.target).collect();
    assert_eq!(targets, ["martello::test", "martello::test", "martello::call"]);
    assert!(events.iter().all(|event| event.spans == ["call"]), "{events:#?}");
    assert!(tokio_test::task::spawn(call).poll().is_pending(), "a second poll is a mistake, and no panic");
}

#[tokio::test]
async fn a_ready_future_drops_its_inner_future_at_once() {
    let recorder = Recorder::at(Level::INFO);
    let levels = LogLayer::builder().success_level(Level::TRACE).failure_level(Level::TRACE);
    for layer in [levels.build_attempts().unwrap(), LogLayer::off()] {
        let before = recorder.events().len();
        let mut service = layer.layer(service_fn(|_: Request<_>| Keeps { _talks: Talks }));
        let mut call = service.ready().await.unwrap().call(put(""));
        (&mut call).await.unwrap();
        assert_eq!(recorder.events().len(), before + 1);
        assert!(tokio_test::task::spawn(call).poll().is_pending());
    }
}

#[tokio::test]
async fn a_call_that_panics_leaves_one_event() {
    let recorder = Recorder::new();
    let inner = service_fn(async |_: Request<_>| -> Never { panic!("a bug of the user's") });
    let service = LogLayer::calls().layer(inner);
    let task = tokio::task::LocalSet::new();
    let call = task
        .run_until(async { tokio::task::spawn_local(async { drop(service.oneshot(put("")).await) }).await });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(recorder.event().get("outcome"), Some("cancelled"));
}
