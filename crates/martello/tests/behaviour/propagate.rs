//! The tracking ids of the API reach the caller of our own service.

use axum::{Extension, Router, routing::put};
use http::StatusCode;
use martello::{PropagateTrackingIdLayer, Stacked, TrackingIds};
use martello_testkit::{Reply, Server};
use tokio::{net::TcpListener, task::JoinSet};
use tower::{Layer, ServiceExt};

use crate::support::{Http, http, quick, request};

#[tokio::test]
async fn the_ids_of_all_attempts_reach_our_own_caller() {
    let api = Server::start().await.unwrap();
    let id = |status: u16, id: &str| Reply::status(status).header("trackingid", id);
    api.replies([id(503, "first"), id(200, "second")]);
    let stack: Stacked<Http> = quick().build().unwrap().layer(http());
    let uri = api.uri("/orders/1");
    let handler = move |Extension(tracking_ids): Extension<TrackingIds>| async move {
        let mut outbound = request("PUT", uri);
        outbound.extensions_mut().insert(tracking_ids);
        stack.oneshot(outbound).await.map_or(StatusCode::BAD_GATEWAY, |response| response.status())
    };
    let router = Router::new().route("/mine", put(handler)).layer(PropagateTrackingIdLayer::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await });

    let uri = format!("http://{address}/mine").parse().unwrap();
    let response = http().oneshot(request("PUT", uri)).await.unwrap();
    assert_eq!(response.status(), 200);
    let ids: Vec<_> = response.headers().get_all("trackingid").iter().collect();
    assert_eq!(ids, ["second", "first"], "the newest first, because it names the attempt that counts");
}
