//! The scripted body follows its script, and records how it is polled and dropped.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use martello_testkit::{ScriptedBody, ScriptedError};

type Polled = Poll<Option<Result<Frame<Bytes>, ScriptedError>>>;

fn poll(body: &mut ScriptedBody) -> Polled {
    pin!(body).poll_frame(&mut Context::from_waker(Waker::noop()))
}

/// The data of a poll that returns a data frame.
fn data(polled: Polled) -> Option<Bytes> {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
        _ => None,
    }
}

#[test]
fn steps_are_taken_in_their_order() {
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("7"));
    let mut body = ScriptedBody::new().data("one").data("").pending().trailers(trailers).error("broke");
    let handle = body.handle();
    assert_eq!(data(poll(&mut body)).as_deref(), Some(b"one".as_slice()));
    assert_eq!(data(poll(&mut body)).as_deref(), Some(b"".as_slice()));
    assert!(poll(&mut body).is_pending());
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Ok(frame))) if frame.is_trailers()));
    assert!(!handle.ended());
    assert!(matches!(poll(&mut body), Poll::Ready(Some(Err(error))) if error == ScriptedError::new("broke")));
    assert_eq!((handle.polls(), handle.frames(), handle.ended()), (5, 3, true));
}

#[test]
fn polls_after_the_end_are_seen_and_answered() {
    let mut body = ScriptedBody::new().end().data("a ghost");
    let handle = body.handle();
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    assert_eq!(handle.polls_after_end(), 0);
    assert_eq!(data(poll(&mut body)).as_deref(), Some(b"a ghost".as_slice()));
    assert!(matches!(poll(&mut body), Poll::Ready(None)));
    assert_eq!(handle.polls_after_end(), 2);
}

#[test]
fn a_pending_step_wakes_its_task_and_a_wait_does_not() {
    let wakes = Arc::new(Count::default());
    let count = || wakes.0.load(Ordering::SeqCst);
    let waker = Waker::from(Arc::clone(&wakes));
    let mut cx = Context::from_waker(&waker);
    let mut body = ScriptedBody::new().pending().wait().wait().data("x");
    let handle = body.handle();
    assert!(pin!(&mut body).poll_frame(&mut cx).is_pending());
    assert_eq!(count(), 1);
    assert!(pin!(&mut body).poll_frame(&mut cx).is_pending());
    assert!(pin!(&mut body).poll_frame(&mut cx).is_pending());
    assert_eq!(count(), 1);
    handle.release();
    assert_eq!(count(), 2);
    assert!(pin!(&mut body).poll_frame(&mut cx).is_pending());
    // `release` may be called before the body waits.
    handle.release();
    assert!(data(pin!(&mut body).poll_frame(&mut cx)).is_some());
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn hints_are_honest_unless_told_otherwise() {
    let mut body = ScriptedBody::new().data("abc").pending().data("de");
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
    while poll(&mut body).is_pending() || !body.is_end_stream() {}
    assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(0), true));
    assert!(ScriptedBody::new().is_end_stream());

    let broken = ScriptedBody::new().data("abc").error("broke");
    assert_eq!((broken.size_hint().lower(), broken.size_hint().upper()), (3, None));

    let lying = ScriptedBody::new().claim_size(SizeHint::with_exact(9)).claim_end_stream(false);
    assert_eq!((lying.size_hint().exact(), lying.is_end_stream()), (Some(9), false));
}

#[test]
fn a_drop_is_seen() {
    let body = ScriptedBody::new();
    let handle = body.handle();
    assert!(!handle.dropped());
    drop(body);
    assert!(handle.dropped());
}
