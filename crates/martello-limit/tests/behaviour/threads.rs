//! One limit used by many threads.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use martello_limit::ConcurrencyLimitLayer;
use tokio::task::{JoinSet, yield_now};
use tower::{Layer, ServiceExt, limit::ConcurrencyLimit, service_fn};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_that_end_in_every_way_leave_nothing_behind() {
    let layer = ConcurrencyLimitLayer::new(3).unwrap();
    let service = layer.layer(service_fn(async |_: Request<()>| {
        yield_now().await;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("body"))))
    }));
    let mut tasks = JoinSet::new();
    for task in 0..8_u32 {
        let service = service.clone();
        tasks.spawn(async move {
            for call in 0..1_000 {
                let response = service.clone().oneshot(Request::new(()));
                match (task + call) % 4 {
                    // Dropped before its end.
                    0 => drop(tokio::time::timeout(Duration::ZERO, response).await),
                    // The body is dropped unread.
                    1 => drop(response.await.unwrap()),
                    _ => drop(response.await.unwrap().into_body().collect().await.unwrap()),
                }
            }
        });
    }
    tasks.join_all().await;
    let usage = layer.usage();
    assert_eq!((usage.in_flight, usage.open_bodies, usage.waiting), (0, 0, 0));
}

/// The client is ready for two concurrent requests and the limit permits three, so that requests often step
/// aside.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_over_a_client_that_is_often_not_ready_all_end() {
    let layer = ConcurrencyLimitLayer::new(3).unwrap();
    let client = service_fn(async |_: Request<()>| {
        yield_now().await;
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("body"))))
    });
    let service = layer.layer(ConcurrencyLimit::new(client, 2));
    let mut tasks = JoinSet::new();
    for task in 0..8_u32 {
        let service = service.clone();
        tasks.spawn(async move {
            for call in 0..1_000 {
                let response = service.clone().oneshot(Request::new(()));
                match (task + call) % 3 {
                    0 => drop(tokio::time::timeout(Duration::ZERO, response).await),
                    _ => drop(response.await.unwrap().into_body().collect().await.unwrap()),
                }
            }
        });
    }
    tokio::time::timeout(Duration::from_secs(60), tasks.join_all()).await.expect("a call was not woken");
    let usage = layer.usage();
    assert_eq!((usage.in_flight, usage.open_bodies, usage.waiting), (0, 0, 0));
}
