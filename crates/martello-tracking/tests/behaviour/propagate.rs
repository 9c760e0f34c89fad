//! What a server's response bears of the ids of its outbound calls.

use std::convert::Infallible;

use http::{Request, Response};
use martello_tracking::{PropagateTrackingIdLayer, TrackingIds, TrackingLayer};
use tower::{Layer, ServiceExt, service_fn};

/// One outbound call, answered with these ids.
async fn outbound(tracking_ids: &TrackingIds, ids: &[String]) {
    let client = service_fn(async |_: Request<()>| {
        let response = ids.iter().fold(Response::builder(), |response, id| response.header("trackingid", id));
        Ok::<_, Infallible>(response.body(()).expect("a response"))
    });
    let request = Request::builder().extension(tracking_ids.clone()).body(()).expect("a request");
    TrackingLayer::default().layer(client).oneshot(request).await.expect("a response");
}

/// The lines on the response of a server that put `own` there after outbound calls answered with `behind`.
async fn lines(layer: &PropagateTrackingIdLayer, own: &[&str], behind: &[Vec<String>]) -> Vec<String> {
    let handler = service_fn(async |request: Request<()>| {
        let tracking_ids = TrackingIds::of(request.extensions()).expect("a tracking_ids");
        for ids in behind {
            outbound(tracking_ids, ids).await;
        }
        let response =
            own.iter().fold(Response::builder(), |response, id| response.header("trackingid", *id));
        Ok::<_, Infallible>(response.body(()).expect("a response"))
    });
    let response = layer.layer(handler).oneshot(Request::new(())).await.expect("a response");
    let text = |value: &http::HeaderValue| value.to_str().expect("text").to_owned();
    let names = ["trackingid", "x-behind"];
    names.iter().flat_map(|name| response.headers().get_all(*name).iter().map(text)).collect()
}

fn one(id: &str) -> Vec<String> {
    vec![id.to_owned()]
}

#[tokio::test]
async fn the_ids_of_outbound_calls_follow_the_servers_own_the_newest_first() {
    let lines = lines(&PropagateTrackingIdLayer::default(), &["own"], &[one("first"), one("second")]).await;
    assert_eq!(lines, ["own", "second", "first"]);
}

#[tokio::test]
async fn the_ids_of_one_outbound_response_keep_their_order() {
    let third = vec!["c-own".to_owned(), "c-behind".to_owned()];
    let lines = lines(&PropagateTrackingIdLayer::default(), &[], &[one("a"), third]).await;
    assert_eq!(lines, ["c-own", "c-behind", "a"]);
}

#[tokio::test]
async fn without_outbound_calls_the_response_is_as_it_was() {
    assert_eq!(lines(&PropagateTrackingIdLayer::default(), &["own"], &[]).await, ["own"]);
    assert_eq!(lines(&PropagateTrackingIdLayer::default(), &[], &[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn at_most_eight_lines_are_on_a_response_and_the_oldest_ids_are_left_out() {
    let behind: Vec<_> = (0..20).map(|n| one(&n.to_string())).collect();
    let propagated = lines(&PropagateTrackingIdLayer::default(), &[], &behind).await;
    assert_eq!(propagated, ["19", "18", "17", "16", "15", "14", "13", "12"]);
    let beside_own = lines(&PropagateTrackingIdLayer::default(), &["own"], &behind).await;
    assert_eq!(beside_own, ["own", "19", "18", "17", "16", "15", "14", "13"]);
}

#[tokio::test]
async fn more_lines_than_eight_that_are_there_already_stay() {
    let own = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    assert_eq!(lines(&PropagateTrackingIdLayer::default(), &own, &[one("behind")]).await, own);
}

#[tokio::test]
async fn an_id_that_a_proxy_copied_is_not_repeated() {
    let lines =
        lines(&PropagateTrackingIdLayer::default(), &["copied"], &[one("first"), one("copied")]).await;
    assert_eq!(lines, ["copied", "first"]);
}

#[tokio::test]
async fn another_header_is_written_by_configuration() {
    let layer = PropagateTrackingIdLayer::with_header("X-Behind").expect("a layer");
    assert_eq!(lines(&layer, &["own"], &[one("behind")]).await, ["own", "behind"]);
    assert_eq!(
        PropagateTrackingIdLayer::with_header("x behind").expect_err("no header name").field(),
        "header"
    );
}

#[tokio::test]
async fn each_request_has_tracking_ids_of_its_own() {
    let layer = PropagateTrackingIdLayer::default();
    assert_eq!(lines(&layer, &[], &[one("a")]).await, ["a"]);
    assert_eq!(lines(&layer, &[], &[one("b")]).await, ["b"]);

    let outside = TrackingIds::default();
    let handler = service_fn(async |request: Request<()>| {
        outbound(TrackingIds::of(request.extensions()).expect("a tracking_ids"), &one("inside")).await;
        Ok::<_, Infallible>(Response::new(()))
    });
    let request = Request::builder().extension(outside.clone()).body(()).expect("a request");
    layer.layer(handler).oneshot(request).await.expect("a response");
    assert_eq!(outside.ids(), []);
}

#[tokio::test]
async fn the_error_of_the_service_inside_passes_through() {
    let handler = service_fn(async |_: Request<()>| Err::<Response<()>, _>("broken"));
    let result = PropagateTrackingIdLayer::default().layer(handler).oneshot(Request::new(())).await;
    assert_eq!(result.map(|_| ()), Err("broken"));
}
