//! How the caller's own id reaches the server.

use std::convert::Infallible;

use http::{HeaderValue, Request, Response};
use martello_outcome::CallerId;
use martello_tracking::TrackingLayer;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::request_id::{MakeRequestId, RequestId, SetRequestIdLayer};

const HEADER: &str = "x-correlation-id";

/// What the server saw: the lines of the header, and the id in the extensions.
type Seen = (Vec<HeaderValue>, Option<CallerId>);

async fn client(request: Request<()>) -> Result<Response<Seen>, Infallible> {
    let lines = request.headers().get_all(HEADER).iter().cloned().collect();
    Ok(Response::new((lines, CallerId::of(request.extensions()))))
}

async fn seen(layer: &TrackingLayer, request: Request<()>) -> Seen {
    let response = layer.layer(service_fn(client)).oneshot(request).await;
    response.expect("a response").into_body()
}

fn id(text: &str) -> CallerId {
    text.parse().expect("an id")
}

fn sending() -> TrackingLayer {
    TrackingLayer::builder().caller_id(HEADER).build().expect("a layer")
}

fn sending_request_id() -> TrackingLayer {
    let builder = TrackingLayer::builder().caller_id_with(HEADER, |extensions| {
        CallerId::from_header(extensions.get::<RequestId>()?.header_value()).ok()
    });
    builder.build().expect("a layer")
}

#[tokio::test]
async fn the_callers_id_is_sent_in_the_header_of_choice() {
    let request = Request::builder().extension(id("mine")).body(()).expect("a request");
    let (lines, _) = seen(&sending(), request).await;
    assert_eq!(lines, ["mine"]);
}

#[tokio::test]
async fn without_a_header_of_choice_or_without_an_id_nothing_is_sent() {
    let request = Request::builder().extension(id("mine")).body(()).expect("a request");
    assert_eq!(seen(&TrackingLayer::default(), request).await.0, Vec::<HeaderValue>::new());
    assert_eq!(seen(&sending(), Request::new(())).await, (vec![], None));
}

#[tokio::test]
async fn a_header_that_is_there_is_left_alone() {
    let request = Request::builder().extension(id("mine")).header(HEADER, "theirs");
    let (lines, _) = seen(&sending(), request.body(()).expect("a request")).await;
    assert_eq!(lines, ["theirs"]);
}

#[derive(Clone)]
struct Counted;

impl MakeRequestId for Counted {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        Some(RequestId::new(HeaderValue::from_static("made-outside")))
    }
}

#[tokio::test]
async fn the_id_of_tower_https_layer_outside_is_sent_and_becomes_the_callers() {
    let outside = SetRequestIdLayer::x_request_id(Counted);
    let stack = outside.layer(sending_request_id().layer(service_fn(client)));
    let response = stack.oneshot(Request::new(())).await.expect("a response");
    let (lines, extension) = response.into_body();
    assert_eq!(lines, ["made-outside"]);
    assert_eq!(extension, Some(id("made-outside")));
}

#[tokio::test]
async fn a_caller_id_in_the_request_goes_before_one_that_is_found() {
    let found = RequestId::new(HeaderValue::from_static("found"));
    let request = Request::builder().extension(id("mine")).extension(found);
    let (lines, extension) = seen(&sending_request_id(), request.body(()).expect("a request")).await;
    assert_eq!(lines, ["mine"]);
    assert_eq!(extension, Some(id("mine")));
}
