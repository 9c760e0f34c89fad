//! Which line of a response becomes its id.

use std::convert::Infallible;

use http::{HeaderValue, Request, Response};
use martello_outcome::TrackingId;
use martello_tracking::TrackingLayer;
use tower::{Layer, ServiceExt, service_fn};

async fn id_of(layer: TrackingLayer, lines: &[(&'static str, &[u8])]) -> Option<TrackingId> {
    let client = service_fn(async |_: Request<()>| {
        let mut response = Response::new(());
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value).expect("a header value");
            response.headers_mut().append(*name, value);
        }
        Ok::<_, Infallible>(response)
    });
    let response = layer.layer(client).oneshot(Request::new(())).await.expect("a response");
    assert_eq!(response.headers().len(), lines.len(), "the lines stay on the response");
    TrackingId::of(&response).copied()
}

fn id(text: &str) -> Option<TrackingId> {
    Some(text.parse().expect("an id"))
}

#[tokio::test]
async fn the_id_stands_in_the_extensions() {
    let found = id_of(TrackingLayer::default(), &[("trackingid", b"5f1c-77")]).await;
    assert_eq!(found, id("5f1c-77"));
}

#[tokio::test]
async fn a_response_without_the_header_has_no_id() {
    let found = id_of(TrackingLayer::default(), &[("x-request-id", b"5f1c-77")]).await;
    assert_eq!(found, None);
}

#[tokio::test]
async fn another_header_is_read_by_configuration() {
    let layer = TrackingLayer::builder().header("X-Request-Id").build().expect("a layer");
    let found = id_of(layer, &[("trackingid", b"a"), ("x-request-id", b"b")]).await;
    assert_eq!(found, id("b"));
}

#[tokio::test]
async fn of_several_lines_the_first_is_the_attempts_id() {
    let found =
        id_of(TrackingLayer::default(), &[("trackingid", b"own"), ("trackingid", b"handed-on")]).await;
    assert_eq!(found, id("own"));
}

/// RFC 9110 §5.3 allows a proxy to do so.
#[tokio::test]
async fn of_lines_that_a_proxy_joined_the_first_id_is_the_attempts() {
    for (joined, own) in
        [("own, handed-on", "own"), ("with,comma, b, c", "with,comma"), ("two words, b", "b")]
    {
        let found = id_of(TrackingLayer::default(), &[("trackingid", joined.as_bytes())]).await;
        assert_eq!(found, id(own), "{joined}");
    }
}

#[tokio::test]
async fn a_line_that_is_no_id_is_ignored_and_not_cut() {
    let endless = [b'a'; 64 * 1024];
    for line in [&endless[..], b"", b"two words", b"a\tb", b"\x80abc", "é".as_bytes()] {
        let alone = id_of(TrackingLayer::default(), &[("trackingid", line)]).await;
        assert_eq!(alone, None);
        let before = id_of(TrackingLayer::default(), &[("trackingid", line), ("trackingid", b"next")]).await;
        assert_eq!(before, id("next"));
    }
}

#[tokio::test]
async fn the_longest_id_is_read_whole() {
    let longest = [b'a'; TrackingId::MAX];
    let found = id_of(TrackingLayer::default(), &[("trackingid", &longest)]).await;
    assert_eq!(found.map(|id| id.as_str().len()), Some(TrackingId::MAX));
}

#[tokio::test]
async fn a_layer_that_is_off_passes_through() {
    let found = id_of(TrackingLayer::off(), &[("trackingid", b"5f1c-77")]).await;
    assert_eq!(found, None);
}

#[tokio::test]
async fn the_error_of_the_client_passes_through_unchanged() {
    #[derive(Debug, PartialEq)]
    struct NotEvenAnError;
    let client = service_fn(async |_: Request<()>| Err::<Response<()>, _>(NotEvenAnError));
    let result = TrackingLayer::default().layer(client).oneshot(Request::new(())).await;
    assert_eq!(result.map(|_| ()), Err(NotEvenAnError));
}

#[test]
fn an_invalid_header_name_is_an_error_with_its_field() {
    for name in ["", "two words", "tracking:id", "é", "line\nbreak"] {
        let error = TrackingLayer::builder().header(name).build().expect_err("no header name");
        assert_eq!(error.field(), "header");
        assert!(error.to_string().contains("must be a header name"), "{error}");
        assert!(!error.to_string().contains('\n'), "{error}");
        let error = TrackingLayer::builder().caller_id(name).build().expect_err("no header name");
        assert_eq!(error.field(), "caller_id");
    }
}
