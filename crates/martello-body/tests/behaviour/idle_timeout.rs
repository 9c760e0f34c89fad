//! Bodies whose next frame does not come.

use std::time::Duration;

use http_body::{Body as _, SizeHint};
use http_body_util::BodyExt;
use martello_body::{BodyErrorKind, Guarded, IdleTimeout};
use martello_outcome::{CallError, ErrorKind, Outcome};
use martello_testkit::ScriptedBody;
use tokio::time::{Instant, sleep};

use crate::asks::Asks;

const TIMEOUT: Option<Duration> = Some(Duration::from_secs(30));

#[tokio::test(start_paused = true)]
async fn each_frame_has_the_whole_timeout() {
    let script = ScriptedBody::new().wait().data("one").wait().data("two").wait();
    let handle = script.handle();
    let mut body = IdleTimeout::new(script, TIMEOUT);
    for _ in 0..2 {
        let release = async {
            sleep(Duration::from_secs(29)).await;
            handle.release();
        };
        let (frame, ()) = tokio::join!(body.frame(), release);
        frame.unwrap().unwrap();
    }
    let start = Instant::now();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), start.elapsed()), (BodyErrorKind::Idle, Duration::from_secs(30)));
    assert!(body.frame().await.is_none() && body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn without_a_timeout_it_waits() {
    let mut body = IdleTimeout::new(ScriptedBody::new().wait(), None);
    assert!(tokio::time::timeout(Duration::from_secs(1_000_000), body.frame()).await.is_err());
}

/// Outside a runtime a timer would panic.
#[test]
fn a_body_whose_frames_are_there_takes_no_timer() {
    let mut body =
        tokio_test::task::spawn(IdleTimeout::new(ScriptedBody::new().data("one").end(), TIMEOUT).collect());
    tokio_test::assert_ready!(body.poll()).unwrap();
}

#[tokio::test]
async fn hints_and_errors_pass_through() {
    let script = ScriptedBody::new().error("reset").claim_size(SizeHint::with_exact(7));
    let mut body = IdleTimeout::new(script, TIMEOUT);
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(7), false));
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), BodyErrorKind::Inner);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("reset"));
    assert_eq!(format!("{error:?}"), r#"BodyError { kind: Inner, source: Some(ScriptedError("reset")) }"#);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_timed_out_or_failed_is_dropped_before_its_wrapper() {
    for (script, kind) in [
        (ScriptedBody::new().data("one").wait(), BodyErrorKind::Idle),
        (ScriptedBody::new().data("one").error("reset"), BodyErrorKind::Inner),
    ] {
        let handle = script.handle();
        let mut body = IdleTimeout::new(script, TIMEOUT);
        body.frame().await.unwrap().unwrap();
        assert!(!handle.dropped());
        assert_eq!(body.frame().await.unwrap().unwrap_err().kind(), kind);
        assert!(handle.dropped(), "{kind:?}");
        assert!(body.frame().await.is_none() && body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
}

#[tokio::test(start_paused = true)]
async fn the_inner_body_reads_the_reason_of_an_idle_timeout() {
    let (asks, told) = Asks::new();
    let mut body = IdleTimeout::new(Guarded::new(ScriptedBody::new().wait(), Some(asks)), TIMEOUT);
    let error = CallError::from(body.frame().await.unwrap().unwrap_err());
    let reason = told.get().unwrap().unwrap();
    assert_eq!((reason.kind(), reason.outcome()), (Some(error.kind()), error.outcome()));
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Body, Outcome::Ambiguous));
    assert!(reason.message().contains("idle timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_a_reader_drops_gets_no_reason() {
    let (asks, told) = Asks::new();
    drop(IdleTimeout::new(Guarded::new(ScriptedBody::new().wait(), Some(asks)), TIMEOUT));
    assert_eq!(told.get(), Some(&None));
}
