//! Bodies of others that can be copied.

use bytes::Bytes;
use http_body::SizeHint;
use http_body_util::{BodyExt, Either, Empty, Full};
use martello_body::{Body, TryCopy};
use martello_testkit::ScriptedBody;

/// Shared or missing bytes do not count towards the cap.
const NO_ROOM: usize = 0;

async fn bytes<B: http_body::Body<Data = Bytes>>(body: B) -> Option<Bytes> {
    body.collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// Either side of an `Either`, where both are of this kind.
fn sides<B>(body: impl Fn() -> B) -> [Either<B, B>; 2] {
    [Either::Left(body()), Either::Right(body())]
}

/// A stream of five bytes that does not declare them.
fn stream() -> Body {
    Body::new(ScriptedBody::new().data("1234").data("5").end().claim_size(SizeHint::new()))
}

/// A stream that declares its five bytes.
fn declared() -> Body {
    Body::new(ScriptedBody::new().data("12345").end())
}

#[tokio::test]
async fn bytes_have_copies_whatever_the_cap_each_with_all_of_them() {
    let original = Full::new(Bytes::from("12345"));
    let (copy, last) = (original.try_copy(NO_ROOM).unwrap(), original.try_last_copy(NO_ROOM).unwrap());
    let again = copy.try_copy(NO_ROOM).unwrap();
    assert!(copy.switch_to_copy() && last.switch_to_copy() && again.switch_to_copy());
    for body in [original, copy, last, again] {
        assert_eq!(bytes(body).await.unwrap(), "12345");
    }

    let original = Full::new(b"12345" as &'static [u8]);
    let (copy, last) = (original.try_copy(NO_ROOM).unwrap(), original.try_last_copy(NO_ROOM).unwrap());
    assert!(copy.switch_to_copy() && last.switch_to_copy());
    for body in [original, copy, last] {
        assert_eq!(body.collect().await.unwrap().to_bytes(), "12345");
    }
}

#[tokio::test]
async fn a_body_without_a_byte_has_copies_without_one() {
    let original = Empty::<Bytes>::new();
    let (copy, last) = (original.try_copy(NO_ROOM).unwrap(), original.try_last_copy(NO_ROOM).unwrap());
    assert!(copy.switch_to_copy() && last.switch_to_copy());
    for body in [original, copy, last] {
        assert_eq!(bytes(body).await.unwrap(), "");
    }
}

#[test]
fn a_request_without_a_body_has_copies() {
    assert!(().try_copy(NO_ROOM).is_some() && ().try_last_copy(NO_ROOM).is_some() && ().switch_to_copy());
}

#[tokio::test]
async fn the_copy_of_an_either_is_of_the_same_side_and_yields_the_same() {
    type Two = Either<Full<Bytes>, Empty<Bytes>>;
    let left: Two = Either::Left(Full::from("12345"));
    let right: Two = Either::Right(Empty::new());
    for copy in [left.try_copy(NO_ROOM), left.try_last_copy(NO_ROOM)] {
        let copy = copy.unwrap();
        assert!(matches!(copy, Either::Left(_)) && copy.switch_to_copy());
        assert_eq!(bytes(copy).await.unwrap(), "12345");
    }
    for copy in [right.try_copy(NO_ROOM), right.try_last_copy(NO_ROOM)] {
        let copy = copy.unwrap();
        assert!(matches!(copy, Either::Right(_)) && copy.switch_to_copy());
        assert_eq!(bytes(copy).await.unwrap(), "");
    }
}

#[tokio::test]
async fn an_either_has_a_copy_within_the_cap_where_the_body_in_it_has_one() {
    for body in sides(declared) {
        assert!(body.try_copy(4).is_none() && body.try_last_copy(4).is_none());
        let copy = body.try_copy(5).unwrap();
        assert_eq!(bytes(body).await.unwrap(), "12345");
        assert!(copy.switch_to_copy());
        assert_eq!(bytes(copy).await.unwrap(), "12345");
    }
}

#[tokio::test]
async fn a_copy_of_an_either_whose_recording_is_lost_cannot_be_switched_to() {
    for body in sides(stream) {
        let (copy, last) = (body.try_copy(4).unwrap(), body.try_last_copy(4).unwrap());
        assert_eq!(bytes(body).await.unwrap(), "12345");
        assert!(!copy.switch_to_copy() && !last.switch_to_copy());
    }
}

#[tokio::test]
async fn switching_to_a_copy_of_an_either_supersedes_its_original() {
    for mut body in sides(stream) {
        let copy = body.try_copy(5).unwrap();
        body.frame().await.unwrap().unwrap();
        assert!(copy.switch_to_copy());
        body.frame().await.unwrap().unwrap_err();
        assert_eq!(bytes(copy).await.unwrap(), "12345");
    }
}

/// A copy for a later attempt is older than the last one, whichever was asked for first.
#[tokio::test]
async fn the_last_copy_of_an_either_outlasts_its_others() {
    for body in sides(stream) {
        let last = body.try_last_copy(5).unwrap();
        let later = body.try_copy(5).unwrap().try_copy(5).unwrap();
        assert!(last.switch_to_copy());
        assert!(!later.switch_to_copy(), "the last one is sent");
        assert_eq!(bytes(later).await, None);
        assert_eq!(bytes(last).await.unwrap(), "12345");
    }
}

/// Who asks decides nothing: a copy that is not sent in the end must not have cut off its original.
#[tokio::test]
async fn a_copy_reports_whether_it_is_intact_without_switching_to_it() {
    for mut body in sides(stream) {
        let (copy, last) = (body.try_copy(5).unwrap(), body.try_last_copy(5).unwrap());
        assert!(body.is_intact() && copy.is_intact() && last.is_intact());
        body.frame().await.unwrap().unwrap();
        assert!(copy.is_intact() && last.is_intact());
        assert_eq!(bytes(body).await.unwrap(), "5", "it goes on where it was");
        assert!(copy.is_intact() && copy.switch_to_copy() && copy.is_intact());
        assert!(last.switch_to_copy() && last.is_intact());
        assert!(!copy.is_intact(), "the last one is sent");
    }
}

#[tokio::test]
async fn a_copy_is_not_intact_once_its_recording_is_lost() {
    for body in sides(stream) {
        let (copy, last) = (body.try_copy(4).unwrap(), body.try_last_copy(4).unwrap());
        assert_eq!(bytes(body).await.unwrap(), "12345");
        assert!(!copy.is_intact() && !last.is_intact());
    }
    for body in sides(|| Body::new(ScriptedBody::new().data("1").error("broke"))) {
        let copy = body.try_copy(5).unwrap();
        assert_eq!(bytes(body).await, None);
        assert!(!copy.is_intact() && !copy.switch_to_copy());
    }
}

#[test]
fn what_needs_no_recording_is_always_intact() {
    assert!(().is_intact() && Empty::<Bytes>::new().is_intact());
    assert!(Full::new(Bytes::from("12345")).is_intact() && Full::new(b"12345" as &[u8]).is_intact());
    assert!(Body::from("12345").is_intact() && Body::empty().is_intact());
}
