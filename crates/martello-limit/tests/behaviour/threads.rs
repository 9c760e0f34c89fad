//! Many threads at one limit.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use martello_limit::ConcurrencyLimitLayer;
use tokio::task::{JoinSet, yield_now};
use tower::{Layer, ServiceExt, service_fn};

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
                    // Dropped at some point of the way.
                    0 => drop(tokio::time::timeout(Duration::ZERO, response).await),
                    // The body is dropped unread.
                    1 => drop(response.await.unwrap()),
                    _ => drop(response.await.unwrap().into_body().collect().await.unwrap()),
                }
            }
        });
    }
    tasks.join_all().await;
    let snapshot = layer.snapshot();
    assert_eq!((snapshot.in_flight, snapshot.unread, snapshot.waiting), (0, 0, 0));
}
