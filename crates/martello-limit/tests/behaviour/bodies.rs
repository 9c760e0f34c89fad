//! Which responses hold a permit, and how their bodies pass through.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body::{Body, SizeHint};
use http_body_util::BodyExt;
use martello_limit::{ConcurrencyLimitLayer, Release};
use martello_testkit::ScriptedBody;
use tokio_test::assert_ready_ok;

use crate::support::{Answered, call, limit, limited, unread};

/// The response of such an exchange, and whether the limit still holds its permit.
fn exchange(release: Release, method: Method, status: u16, body: ScriptedBody) -> (Answered, bool) {
    let layer = ConcurrencyLimitLayer::builder().permits(1).release(release).build().unwrap();
    let (service, mut api) = limited(&layer);
    let mut call = call(&service, Request::builder().method(method).body(()).unwrap());
    api.next().1.send_response(Response::builder().status(status).body(body).unwrap());
    let response = assert_ready_ok!(call.poll());
    let held = layer.usage().in_flight == 1;
    (response, held)
}

fn holds(method: Method, status: u16) -> bool {
    exchange(Release::Body, method, status, unread()).1
}

#[test]
fn a_body_holds_the_permit_whatever_the_status() {
    for status in [200, 201, 301, 404, 500, 503] {
        assert!(holds(Method::GET, status), "{status}");
        assert!(holds(Method::PUT, status), "{status}");
    }
}

#[test]
fn head_204_and_304_return_it_with_the_head() {
    assert!(!holds(Method::HEAD, 200));
    assert!(!holds(Method::GET, 204));
    assert!(!holds(Method::GET, 304));
}

#[test]
fn an_empty_body_returns_it_with_the_head() {
    let (_response, held) = exchange(Release::Body, Method::GET, 200, ScriptedBody::new());
    assert!(!held);
}

#[test]
fn an_upgrade_and_a_tunnel_return_it_with_the_head() {
    assert!(!holds(Method::GET, 101));
    assert!(!holds(Method::CONNECT, 200));
    assert!(holds(Method::CONNECT, 502), "a refused tunnel has a body");
}

#[test]
fn release_at_the_head_returns_it_with_any_head() {
    let (_response, held) = exchange(Release::Head, Method::GET, 200, unread());
    assert!(!held);
}

#[tokio::test]
async fn data_trailers_and_hints_pass_through() {
    let trailers = HeaderMap::from_iter([(http::header::ETAG, "24".parse().unwrap())]);
    let body = ScriptedBody::new().data("ab").data("c").trailers(trailers.clone());
    let mut size = SizeHint::with_exact(3);
    let (response, _) = exchange(Release::Body, Method::GET, 200, body);
    assert_eq!(response.body().size_hint().exact(), size.exact());
    assert!(!response.body().is_end_stream());
    let collected = response.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers(), Some(&trailers));
    assert_eq!(collected.to_bytes(), Bytes::from("abc"));

    size = SizeHint::new();
    size.set_upper(7);
    let (response, _) = exchange(Release::Body, Method::GET, 200, ScriptedBody::new().claim_size(size));
    assert_eq!(response.body().size_hint().upper(), Some(7));
    assert!(response.body().is_end_stream());
}

#[test]
fn heads_and_extensions_pass_through() {
    let (service, mut api) = limited(&limit(1));
    let mut call = call(&service, Request::put("/orders/1").body(()).unwrap());
    let (request, send) = api.next();
    assert_eq!((request.method(), request.uri().path()), (&Method::PUT, "/orders/1"));
    send.send_response(
        Response::builder().status(201).header("etag", "24").extension(7_u8).body(unread()).unwrap(),
    );
    let response = assert_ready_ok!(call.poll());
    assert_eq!((response.status().as_u16(), &response.headers()["etag"]), (201, &"24".parse().unwrap()));
    assert_eq!(response.extensions().get(), Some(&7_u8));
}
