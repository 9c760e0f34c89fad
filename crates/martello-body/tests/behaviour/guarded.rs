//! Values that are held until a body has ended.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, SizeHint};
use http_body_util::BodyExt;
use martello_body::Guarded;
use martello_testkit::ScriptedBody;

fn guarded(body: ScriptedBody) -> (Guarded<ScriptedBody, Arc<()>>, impl Fn() -> bool) {
    let value = Arc::new(());
    let held = Arc::downgrade(&value);
    (Guarded::new(body, Some(value)), move || held.strong_count() > 0)
}

#[tokio::test]
async fn the_guard_is_held_during_frames_and_dropped_at_the_end_of_the_stream() {
    let script = ScriptedBody::new().data("one").pending().data("two").end().claim_end_stream(false);
    let (mut body, held) = guarded(script);
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
        assert!(held());
    }
    assert!(body.frame().await.is_none());
    assert!(!held());
    assert!(body.frame().await.is_none(), "the end stays the end");
}

#[tokio::test]
async fn the_guard_is_dropped_with_the_last_frame_if_is_end_stream_reports_it() {
    let value = Arc::new(());
    let held = Arc::downgrade(&value);
    let mut body = Guarded::new(http_body_util::Full::new(Bytes::from("all")), Some(value));
    body.frame().await.unwrap().unwrap();
    assert_eq!(held.strong_count(), 0);
}

#[tokio::test]
async fn the_guard_is_dropped_with_the_trailers() {
    let (mut body, held) =
        guarded(ScriptedBody::new().data("x").trailers(HeaderMap::new()).end().claim_end_stream(false));
    body.frame().await.unwrap().unwrap();
    assert!(held());
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    assert!(!held());
}

#[tokio::test]
async fn the_guard_is_dropped_with_an_error() {
    let (mut body, held) = guarded(ScriptedBody::new().error("reset"));
    assert!(held());
    body.frame().await.unwrap().unwrap_err();
    assert!(!held());
}

#[test]
fn the_guard_is_dropped_with_the_body() {
    let (body, held) = guarded(ScriptedBody::new().data("unread").end());
    drop(body);
    assert!(!held());
}

#[test]
fn a_body_without_a_frame_holds_nothing() {
    let value = Arc::new(());
    let held = Arc::downgrade(&value);
    let _body = Guarded::new(http_body_util::Empty::<Bytes>::new(), Some(value));
    assert_eq!(held.strong_count(), 0);
}

#[test]
fn the_body_goes_before_what_it_was_held_for() {
    struct Witness(martello_testkit::ScriptHandle);
    impl Drop for Witness {
        fn drop(&mut self) {
            assert!(self.0.dropped(), "let go while the body was still there");
        }
    }
    let body = ScriptedBody::new().data("unread").end();
    let witness = Witness(body.handle());
    drop(Guarded::new(body, Some(witness)));
}

#[test]
fn hints_pass_through() {
    let (body, _) =
        guarded(ScriptedBody::new().end().claim_size(SizeHint::with_exact(7)).claim_end_stream(true));
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(7), true));
}
