//! The layers without `Stack`: any subset, in any order.

use martello::{Body, ConcurrencyLimitLayer, LogLayer, RetryLayer, TrackingLayer};
use martello_testkit::{Reply, Server};
use tower::{ServiceBuilder, ServiceExt};

use crate::support::{http, request};

macro_rules! orders {
    ($server:expr, $($($layer:expr),+;)+) => {$(
        $server.replies([Reply::status(503), Reply::ok()]);
        let service = ServiceBuilder::new()$(.layer($layer))+.service(http());
        let response = service.oneshot(request("PUT", $server.uri("/"))).await.unwrap();
        assert_eq!(response.status(), 200, stringify!($($layer),+));
    )+};
}

#[tokio::test]
async fn any_subset_in_any_order_sends_again_what_was_unavailable() {
    let server = Server::start().await.unwrap();
    let (retry, limit) = (RetryLayer::default, ConcurrencyLimitLayer::default);
    let (tracking, calls, attempts) = (TrackingLayer::default, LogLayer::calls, LogLayer::attempts);
    orders!(server,
        retry();
        retry(), limit();
        limit(), retry();
        retry(), tracking();
        tracking(), retry();
        calls(), retry(), attempts();
        retry(), limit(), tracking();
        tracking(), limit(), retry();
        limit(), calls(), tracking(), retry();
        calls(), retry(), limit(), attempts(), tracking();
        tracking(), attempts(), limit(), retry(), calls();
    );
    assert_eq!(server.requests().len(), 22);
}

#[tokio::test]
async fn a_service_in_a_box_is_a_service() {
    let server = Server::start().await.unwrap();
    let service = ServiceBuilder::new().layer(RetryLayer::default()).layer(ConcurrencyLimitLayer::default());
    let service = tower::util::BoxCloneSyncService::new(service.service(http()));
    let response = service.oneshot(request("PUT", server.uri("/"))).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Checks the auto traits that tower users expect.
#[test]
fn services_and_futures_go_wherever_the_client_goes() {
    fn service<S: Clone + Send + Sync + 'static>(_: &S) {}
    fn future<F: Future + Send + 'static>(_: F) {}
    let layers = ServiceBuilder::new()
        .layer(LogLayer::calls())
        .layer(RetryLayer::default())
        .layer(ConcurrencyLimitLayer::default())
        .layer(LogLayer::attempts())
        .layer(TrackingLayer::default());
    let by_hand = layers.service(http());
    service(&by_hand);
    let stack = tower::Layer::layer(&martello::Stack::new().build().unwrap(), http());
    service(&stack);
    let request = || http::Request::new(Body::empty());
    future(by_hand.oneshot(request()));
    future(stack.oneshot(request()));
}
