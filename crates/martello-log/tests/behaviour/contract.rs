//! The contract of `Service`, kept towards both sides, with and without a listener.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_log::{Log, LogLayer};
use martello_testkit::{Reply, Server, contract};
use tower::{Layer, Service, ServiceExt};
use tracing::level_filters::LevelFilter;

use crate::support::{Recorder, put};

#[tokio::test(start_paused = true)]
async fn it_holds_for_each_kind() {
    for level in [LevelFilter::TRACE, LevelFilter::OFF] {
        let _recorder = Recorder::at(level);
        for layer in [LogLayer::calls(), LogLayer::attempts(), LogLayer::off()] {
            contract::check_layer(layer, || put("order")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn it_holds_over_hypers_client() {
    let _recorder = Recorder::new();
    let server = Server::with(|_| Reply::ok().body("some")).await.unwrap();
    let uri = server.uri("/orders/1");
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = || Request::put(uri.clone()).body(Full::from("{}")).unwrap();
    contract::check_layer_over(LogLayer::calls(), client, request).await.unwrap();
}

#[tokio::test]
async fn the_instance_that_was_ready_is_called() {
    let _recorder = Recorder::new();
    let (client, mut handle) = tower_test::mock::pair::<Request<Full<Bytes>>, http::Response<Full<Bytes>>>();
    let mut service = LogLayer::calls().layer(client);
    handle.allow(0);
    let mut ready = tokio_test::task::spawn(std::future::poll_fn(|cx| {
        Service::<Request<Full<Bytes>>>::poll_ready(&mut service, cx)
    }));
    assert!(ready.poll().is_pending());
    handle.allow(1);
    assert!(ready.poll().is_ready());
    drop(ready);
    let call = service.call(put("order"));
    let (request, respond) = handle.next_request().await.unwrap();
    assert_eq!(request.uri().path(), "/orders/1");
    respond.send_response(http::Response::default());
    assert_eq!(call.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_refusal_of_readiness_is_a_call_error_and_no_record() {
    let recorder = Recorder::new();
    let (client, mut handle) = tower_test::mock::pair::<Request<Full<Bytes>>, http::Response<Full<Bytes>>>();
    handle.send_error("not today");
    let error = LogLayer::calls().layer(client).oneshot(put("")).await.unwrap_err();
    assert_eq!(error.kind(), martello_outcome::ErrorKind::Transport);
    assert!(recorder.events().is_empty());
}

#[test]
fn one_type_for_every_kind() {
    let _services: [Log<()>; 3] =
        [LogLayer::calls(), LogLayer::attempts(), LogLayer::off()].map(|layer| layer.layer(()));
}
