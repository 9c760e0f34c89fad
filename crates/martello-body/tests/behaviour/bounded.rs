//! Reading a body to its end, within bounds.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use martello_body::{BodyErrorKind, Collect, Drain, Guarded, draining};
use martello_outcome::{CallError, ErrorKind, Outcome};
use martello_testkit::ScriptedBody;
use tokio::time::Instant;

use crate::asks::Asks;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_drain_yields_whether_it_reached_the_end() {
    let hundred = || ScriptedBody::new().data(vec![0; 60]).data(vec![0; 40]).end();
    assert!(Drain::new(hundred(), 100, SECOND).await);
    assert!(!Drain::new(hundred(), 99, SECOND).await);
    assert!(!Drain::new(ScriptedBody::new().data("x").error("reset"), 100, SECOND).await);
    let declared = ScriptedBody::new().data("x").end().claim_size(SizeHint::with_exact(101));
    let handle = declared.handle();
    assert!(!Drain::new(declared, 100, SECOND).await);
    assert_eq!(handle.polls(), 0, "it is hopeless from the start");
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_in_time() {
    let start = Instant::now();
    assert!(!Drain::new(ScriptedBody::new().data("x").wait(), 100, SECOND).await);
    assert_eq!(start.elapsed(), SECOND);
}

#[test]
fn a_drain_lets_the_other_tasks_of_its_thread_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut drain = pin!(Drain::new(Endless, 1, Duration::from_millis(20)));
        let first = std::future::poll_fn(|cx| Poll::Ready(drain.as_mut().poll(cx).is_pending())).await;
        assert!(first, "a body that is always ready held the thread");
        assert!(!drain.await, "it ends in time all the same");
    });
}

#[tokio::test]
async fn a_collect_lets_the_other_tasks_of_its_thread_run() {
    let mut collect = pin!(Collect::new(Endless, 1));
    assert!(std::future::poll_fn(|cx| Poll::Ready(collect.as_mut().poll(cx).is_pending())).await);
}

#[tokio::test]
async fn a_body_knows_that_it_is_drained() {
    struct Asks<'a>(&'a mut Vec<bool>);
    impl Body for Asks<'_> {
        type Data = Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            self.0.push(draining());
            Poll::Ready(None)
        }
    }
    let mut asked = Vec::new();
    Asks(&mut asked).frame().await;
    assert!(Drain::new(Asks(&mut asked), 1, SECOND).await);
    Asks(&mut asked).frame().await;
    assert_eq!(asked, [false, true, false]);
}

#[tokio::test]
async fn a_whole_body_has_its_bytes_its_length_and_its_trailers() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "7".parse().unwrap());
    let script =
        ScriptedBody::new().data("").data("one ").pending().data("two").trailers(trailers.clone()).end();
    let mut whole = Collect::new(script, 7).await.unwrap();
    assert_eq!((whole.bytes(), whole.size_hint().exact()), (&Bytes::from("one two"), Some(7)));
    assert_eq!(whole.frame().await.unwrap().unwrap().into_data().unwrap(), "one two");
    assert!(!whole.is_end_stream());
    assert_eq!(whole.frame().await.unwrap().unwrap().into_trailers().unwrap(), trailers);
    assert!(whole.is_end_stream() && whole.frame().await.is_none());
}

#[tokio::test]
async fn what_is_too_large_too_short_or_broken_has_no_whole() {
    let exact = SizeHint::with_exact;
    for (script, expected) in [
        (ScriptedBody::new().data("1234").data("5678").end(), BodyErrorKind::TooLarge),
        (ScriptedBody::new().wait().claim_size(exact(8)), BodyErrorKind::TooLarge),
        (ScriptedBody::new().data("123").end().claim_size(exact(4)), BodyErrorKind::Truncated),
        (ScriptedBody::new().data("123").error("reset"), BodyErrorKind::Inner),
    ] {
        assert_eq!(Collect::new(script, 7).await.unwrap_err().kind(), expected);
    }
}

#[tokio::test]
async fn a_body_that_failed_is_dropped_before_its_future() {
    for script in [
        ScriptedBody::new().data("1234").data("5678").end(),
        ScriptedBody::new().wait().claim_size(SizeHint::with_exact(8)),
        ScriptedBody::new().data("123").end().claim_size(SizeHint::with_exact(4)),
        ScriptedBody::new().data("123").error("reset"),
    ] {
        let handle = script.handle();
        let mut collect = tokio_test::task::spawn(Collect::new(script, 7));
        let Poll::Ready(Err(error)) = collect.poll() else { panic!("there is nothing to wait for") };
        assert!(handle.dropped(), "{error}");
        assert!(collect.poll().is_pending(), "a second poll is a mistake, and no panic");
    }
}

#[tokio::test]
async fn the_inner_body_reads_why_it_is_dropped_if_too_large_or_too_short() {
    for (script, outcome) in [
        (ScriptedBody::new().data("1234").data("5678").wait(), Outcome::Success),
        (ScriptedBody::new().wait().claim_size(SizeHint::with_exact(8)), Outcome::Success),
    ] {
        let (asks, told) = Asks::new();
        let error = CallError::from(Collect::new(Guarded::new(script, Some(asks)), 7).await.unwrap_err());
        let reason = told.get().unwrap().unwrap();
        assert_eq!((reason.kind(), reason.outcome()), (Some(error.kind()), error.outcome()));
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Body, outcome));
    }
    // A body that ends by itself gets no reason.
    let (asks, told) = Asks::new();
    let short = ScriptedBody::new().data("123").end().claim_size(SizeHint::with_exact(4));
    let error = Collect::new(Guarded::new(short, Some(asks)), 7).await.unwrap_err();
    assert_eq!(
        (error.kind(), CallError::from(error).outcome()),
        (BodyErrorKind::Truncated, Outcome::Ambiguous)
    );
    assert_eq!(told.get(), Some(&None));
}

/// Yields empty frames for ever, and is always ready.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
    }
}
