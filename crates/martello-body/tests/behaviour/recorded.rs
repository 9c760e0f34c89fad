//! Streams that are sent again.

use std::{pin::Pin, task::Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use martello_body::{Body, BodyError, BodyErrorKind, TryCopy};
use martello_testkit::ScriptedBody;
use proptest::prelude::*;
use tokio_test::task;

const CAP: usize = 64;

type Polled = Poll<Option<Result<Frame<Bytes>, BodyError>>>;

fn poll(body: &mut Body) -> Polled {
    task::spawn(()).enter(|cx, _| Pin::new(body).poll_frame(cx))
}

fn data(polled: Polled) -> Bytes {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap(),
        other => panic!("no data: {other:?}"),
    }
}

fn kind(polled: &Polled) -> Option<BodyErrorKind> {
    match polled {
        Poll::Ready(Some(Err(error))) => Some(error.kind()),
        _ => None,
    }
}

async fn text(body: Body) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn a_copy_yields_from_the_start_what_the_original_yielded_and_will_yield() {
    let mut original = Body::new(ScriptedBody::new().data("one ").data("two ").data("three").end());
    let copy = original.try_copy(CAP).unwrap();
    assert_eq!(data(poll(&mut original)), "one ");
    drop(original);
    assert_eq!(text(copy).await, "one two three");
}

#[tokio::test]
async fn a_copy_of_a_body_never_polled_is_the_body() {
    let original = Body::new(ScriptedBody::new().data("").data("all").end());
    let copy = original.try_copy(CAP).unwrap();
    drop(original);
    let second = copy.try_copy(CAP).unwrap();
    assert_eq!(text(copy).await, "all");
    assert_eq!(text(second).await, "all");
}

#[tokio::test]
async fn trailers_are_sent_again_too() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "7".parse().unwrap());
    let original = Body::new(ScriptedBody::new().data("x").trailers(trailers.clone()).end());
    let copy = original.try_copy(CAP).unwrap();
    assert_eq!(original.collect().await.unwrap().trailers(), Some(&trailers));
    assert!(copy.switch_to_copy() && !copy.is_end_stream());
    let again = copy.collect().await.unwrap();
    assert_eq!(again.trailers(), Some(&trailers));
    assert_eq!(again.to_bytes(), "x");
}

/// A connection sends what it has, and does not ask for what comes after the trailers.
#[tokio::test]
async fn trailers_are_sent_again_without_a_poll_of_the_end() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "7".parse().unwrap());
    let script = ScriptedBody::new().data("x").trailers(trailers.clone()).end();
    let mut original = Body::new(script.claim_end_stream(false));
    let copy = original.try_copy(CAP).unwrap();
    for _ in 0..2 {
        original.frame().await.unwrap().unwrap();
    }
    drop(original);
    assert!(copy.switch_to_copy() && !copy.is_end_stream());
    assert_eq!(copy.collect().await.unwrap().trailers(), Some(&trailers));
}

#[test]
fn switching_to_a_copy_keeps_the_original_from_outgrowing_the_cap() {
    let mut original =
        Body::new(ScriptedBody::new().data("1234").data("5678").end().claim_size(SizeHint::new()));
    let copy = original.try_copy(4).unwrap();
    assert_eq!(data(poll(&mut original)), "1234");
    assert!(copy.switch_to_copy());
    assert_eq!(kind(&poll(&mut original)), Some(BodyErrorKind::Superseded));
    assert!(copy.switch_to_copy(), "it is still all there");
}

#[tokio::test]
async fn over_the_cap_the_original_continues_and_the_copy_fails_with_the_reason() {
    for frames in [vec!["1234", "5"], vec!["12345"]] {
        let mut script = ScriptedBody::new().claim_size(SizeHint::new());
        for frame in &frames {
            script = script.data(*frame);
        }
        let original = Body::new(script.end());
        let mut copy = original.try_copy(4).unwrap();
        assert_eq!(text(original).await, "12345");
        assert!(!copy.switch_to_copy() && copy.try_copy(4).is_none());
        assert_eq!(kind(&poll(&mut copy)), Some(BodyErrorKind::NotRecorded));
    }
}

#[test]
fn a_stream_that_declares_more_than_the_cap_has_no_copy() {
    let declared = ScriptedBody::new().end().claim_size(SizeHint::with_exact(5));
    assert!(Body::new(declared).try_copy(4).is_none());
}

/// Names and values, of all of them, beside the data.
#[tokio::test]
async fn trailers_count_against_the_cap() {
    let mut trailers = HeaderMap::new();
    trailers.append("x-checksum", "1234567".parse().unwrap());
    trailers.append("x-checksum", "12345".parse().unwrap());
    trailers.append("x-empty", "".parse().unwrap());
    let sizes = [("", 10 + 7 + 10 + 5 + 7), ("123", 3 + 10 + 7 + 10 + 5 + 7)];
    for (data, size) in sizes {
        for (cap, kept) in [(size, true), (size - 1, false)] {
            let script = ScriptedBody::new().data(data).trailers(trailers.clone()).end();
            let original = Body::new(script);
            let copy = original.try_copy(cap).unwrap();
            assert_eq!(original.collect().await.unwrap().trailers(), Some(&trailers));
            assert_eq!(copy.switch_to_copy(), kept, "{data:?} and trailers within {cap} bytes");
            let copied = copy.collect().await.ok().and_then(|copied| copied.trailers().cloned());
            assert_eq!(copied, kept.then(|| trailers.clone()), "{data:?} and trailers within {cap} bytes");
        }
    }
}

#[test]
fn a_stream_that_was_read_before_the_first_copy_has_no_copy() {
    let mut original = Body::new(ScriptedBody::new().data("one").data("two").end());
    poll(&mut original).is_ready();
    assert!(original.try_copy(CAP).is_none());
}

#[test]
fn an_error_of_the_stream_poisons_the_copy() {
    let mut original = Body::new(ScriptedBody::new().data("half").error("broke"));
    let mut copy = original.try_copy(CAP).unwrap();
    data(poll(&mut original));
    assert_eq!(kind(&poll(&mut original)), Some(BodyErrorKind::Inner));
    assert!(!copy.switch_to_copy());
    assert!(kind(&poll(&mut copy)).is_some());
    assert!(matches!(poll(&mut original), Poll::Ready(None)), "it has failed already");
}

#[test]
fn the_newest_copy_takes_the_stream_over_and_wakes_the_older() {
    let script = ScriptedBody::new().data("one ").wait().data("two").end();
    let handle = script.handle();
    let mut original = Body::new(script);
    let mut copy = original.try_copy(CAP).unwrap();
    assert_eq!(data(poll(&mut original)), "one ");
    let mut older = task::spawn(());
    assert!(older.enter(|cx, _| Pin::new(&mut original).poll_frame(cx)).is_pending());

    assert_eq!(data(poll(&mut copy)), "one ");
    assert!(older.is_woken(), "it would wait for ever");
    assert_eq!(kind(&poll(&mut original)), Some(BodyErrorKind::Superseded));

    let mut newer = task::spawn(());
    assert!(newer.enter(|cx, _| Pin::new(&mut copy).poll_frame(cx)).is_pending());
    handle.release();
    assert!(newer.is_woken());
    assert_eq!(data(poll(&mut copy)), "two");
    assert!(matches!(poll(&mut copy), Poll::Ready(None)));
}

#[test]
fn what_is_left_is_declared_by_the_copy_as_by_the_original() {
    let mut original = Body::new(http_body_util::Full::new(Bytes::from("12345")));
    let copy = original.try_copy(CAP).unwrap();
    assert_eq!(original.size_hint().exact(), Some(5));
    data(poll(&mut original));
    assert_eq!((original.size_hint().exact(), original.is_end_stream()), (Some(0), true));
    assert_eq!((copy.size_hint().exact(), copy.is_end_stream()), (Some(5), false));
}

#[test]
fn a_stream_that_panics_fails_its_copies_and_panics_no_further() {
    struct Panics;
    impl http_body::Body for Panics {
        type Data = Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            panic!("of the user's own")
        }
    }
    let mut original = Body::new(Panics);
    let mut copy = original.try_copy(CAP).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut original).is_ready()));
    assert!(panicked.is_err());
    assert!(!copy.switch_to_copy());
    assert_eq!(kind(&poll(&mut copy)), Some(BodyErrorKind::Poisoned));
}

#[test]
fn no_byte_of_a_body_is_in_its_debug_text() {
    assert_eq!(format!("{:?}", Body::from("secret")), "Body(6 bytes)");
    assert_eq!(format!("{:?}", Body::new(ScriptedBody::new().data("secret"))), "Body(stream)");
}

#[derive(Clone, Debug)]
enum Step {
    Poll(usize),
    Copy(usize),
    Drop(usize),
    Hints(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..4_usize).prop_map(Step::Poll),
        2 => (0..4_usize).prop_map(Step::Copy),
        1 => (0..4_usize).prop_map(Step::Drop),
        1 => (0..4_usize).prop_map(Step::Hints),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// Whatever order frames, drops, copies and polls come in: nothing panics, and a handle yields a prefix
    /// of the stream, and all of it if it ends well.
    #[test]
    fn any_order_of_polls_copies_and_drops_yields_the_stream_or_an_error(
        frames in proptest::collection::vec(proptest::option::of("[a-z]{0,9}"), 0..12),
        fails in any::<bool>(),
        trailing in any::<bool>(),
        cap in 0..80_usize,
        steps in steps(),
    ) {
        let mut script = ScriptedBody::new();
        for frame in &frames {
            script = match frame {
                Some(data) => script.data(data.clone()),
                None => script.pending(),
            };
        }
        let whole: String = frames.iter().flatten().map(String::as_str).collect();
        let script = match (fails, trailing) {
            (true, _) => script.error("broke"),
            (false, true) => script.trailers(HeaderMap::new()).end(),
            (false, false) => script.end(),
        };
        let mut handles = vec![(Body::new(script), String::new(), false)];
        for step in steps {
            let count = handles.len().max(1);
            match step {
                Step::Poll(index) => {
                    let Some((body, seen, ended)) = handles.get_mut(index % count) else { continue };
                    match poll(body) {
                        Poll::Ready(Some(Ok(frame))) => {
                            let Ok(frame) = frame.into_data() else {
                                prop_assert_eq!(&*seen, &whole, "trailers come last");
                                continue;
                            };
                            seen.push_str(std::str::from_utf8(&frame).unwrap());
                            prop_assert!(whole.starts_with(seen.as_str()), "{seen} of {whole}");
                        }
                        Poll::Ready(None) if *ended => {}
                        Poll::Ready(None) => {
                            prop_assert!(!fails, "a failed stream has no end");
                            prop_assert_eq!(&*seen, &whole);
                            *ended = true;
                        }
                        Poll::Ready(Some(Err(_))) => {
                            prop_assert!(!*ended, "an error after the end");
                            *ended = true;
                        }
                        Poll::Pending => {}
                    }
                }
                Step::Copy(index) => {
                    let copy = handles.get(index % count).and_then(|(body, ..)| body.try_copy(cap));
                    if handles.len() < 4 {
                        handles.extend(copy.map(|copy| (copy, String::new(), false)));
                    }
                }
                Step::Drop(index) => {
                    if index < handles.len() {
                        handles.remove(index);
                    }
                }
                Step::Hints(index) => {
                    if let Some((body, ..)) = handles.get(index % count) {
                        let _ = (body.size_hint(), body.is_end_stream());
                    }
                }
            }
        }
    }
}
