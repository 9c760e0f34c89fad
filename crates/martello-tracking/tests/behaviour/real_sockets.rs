//! Tracking over hyper's client, and inside an axum service, on loopback sockets.

use axum::{Extension, Router, routing::get};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use martello_outcome::{AttemptNumber, TrackingId};
use martello_testkit::{Reply, Server};
use martello_tracking::{PropagateTrackingIdLayer, Tracking, TrackingIds, TrackingLayer};
use tokio::{net::TcpListener, task::JoinSet};
use tower::{Layer, ServiceExt};

type Http = Tracking<Client<HttpConnector, Full<Bytes>>>;

fn http() -> Http {
    TrackingLayer::default().layer(Client::builder(TokioExecutor::new()).build_http())
}

fn get_with(tracking_ids: &TrackingIds, uri: Uri, attempt: u32) -> Request<Full<Bytes>> {
    let request = Request::get(uri).extension(tracking_ids.clone()).extension(AttemptNumber(attempt));
    request.body(Full::default()).expect("a request")
}

#[tokio::test]
async fn a_503_and_the_200_after_it_each_have_their_id() {
    let server = Server::start().await.expect("a server");
    server.replies([
        Reply::status(503).header("Trackingid", "refused-1"),
        Reply::ok().header("Trackingid", "served-2"),
    ]);
    let (http, tracking_ids) = (http(), TrackingIds::default());

    for (attempt, status, id) in [(1, 503, "refused-1"), (2, 200, "served-2")] {
        let request = get_with(&tracking_ids, server.uri("/orders"), attempt);
        let response = http.clone().oneshot(request).await.expect("a response");
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(TrackingId::of(&response).map(TrackingId::as_str), Some(id));
    }
    assert_eq!(tracking_ids.entries().iter().map(|entry| entry.attempt).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(tracking_ids.last(), "served-2".parse().ok());
}

#[tokio::test]
async fn the_id_of_an_answered_attempt_outlives_the_reset_of_the_next() {
    let server = Server::start().await.expect("a server");
    server.replies([Reply::status(503).header("Trackingid", "refused-1"), Reply::reset()]);
    let (http, tracking_ids) = (http(), TrackingIds::default());
    assert!(http.clone().oneshot(get_with(&tracking_ids, server.uri("/"), 1)).await.is_ok());
    assert!(http.oneshot(get_with(&tracking_ids, server.uri("/"), 2)).await.is_err());
    assert_eq!(tracking_ids.last(), "refused-1".parse().ok());
}

/// A service that asks the one behind it twice, and answers with an id of its own.
async fn front(
    Extension(tracking_ids): Extension<TrackingIds>,
    Extension(behind): Extension<Uri>,
) -> (HeaderMap, &'static str) {
    for attempt in [1, 2] {
        let response = http().oneshot(get_with(&tracking_ids, behind.clone(), attempt)).await;
        assert!(response.is_ok());
    }
    let own = (http::HeaderName::from_static("trackingid"), http::HeaderValue::from_static("front"));
    (HeaderMap::from_iter([own]), "done")
}

#[tokio::test]
async fn an_axum_service_propagates_the_ids_of_the_server_behind_it() {
    let behind = Server::start().await.expect("a server");
    behind.replies(["behind-1", "behind-2"].map(|id| Reply::ok().header("Trackingid", id)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = Router::new().route("/", get(front));
    let app = app.layer(Extension(behind.uri("/"))).layer(PropagateTrackingIdLayer::default());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, app).await });

    let tracking_ids = TrackingIds::default();
    let uri = format!("http://{address}/").parse().expect("a URI");
    let response = http().oneshot(get_with(&tracking_ids, uri, 1)).await.expect("a response");

    assert_eq!(response.status(), StatusCode::OK);
    let lines: Vec<_> = response.headers().get_all("trackingid").iter().collect();
    assert_eq!(lines, ["front", "behind-2", "behind-1"]);
    assert_eq!(TrackingId::of(&response).map(TrackingId::as_str), Some("front"));
    let ids = tracking_ids.ids();
    assert_eq!(ids.iter().map(TrackingId::as_str).collect::<Vec<_>>(), ["front", "behind-2", "behind-1"]);
}
