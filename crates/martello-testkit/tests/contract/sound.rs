//! Layers that keep the contract, over the service in memory and over hyper-util's client.

use std::{sync::Arc, time::Duration};

use http::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use martello_testkit::{Reply, Server};
use tokio::{sync::Semaphore, task::JoinSet};
use tower::{ServiceExt, layer::util::Identity, limit::ConcurrencyLimitLayer, service_fn};
use tower_layer::{Layer, layer_fn};

use crate::{Body, Inner, Scenario, contract, request};

#[tokio::test(start_paused = true)]
async fn a_layer_that_adds_nothing_passes() {
    contract::check_layer(Identity::new(), request).await.unwrap();
}

#[tokio::test]
async fn no_paused_clock_is_needed() {
    contract::check_layer(Identity::new(), request).await.unwrap();
}

/// A limit that acquires its permit in the response future, and a timer beside it.
fn limit_in_the_future() -> impl Layer<
    Inner,
    Service: tower_service::Service<
        Request<Body>,
        Response = http::Response<contract::MemoryBody>,
        Error = contract::MemoryError,
    > + Clone,
> {
    let permits = Arc::new(Semaphore::new(1));
    layer_fn(move |inner: Inner| {
        let permits = Arc::clone(&permits);
        service_fn(move |request| {
            let (inner, permits) = (inner.clone(), Arc::clone(&permits));
            async move {
                let _permit = permits.acquire().await;
                tokio::time::sleep(Duration::from_secs(3)).await;
                inner.oneshot(request).await
            }
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_layer_with_timers_and_one_permit_in_its_future_passes() {
    contract::check_layer(limit_in_the_future(), request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_works_in_a_task_of_its_own_passes() {
    let in_a_task = layer_fn(|inner: Inner| {
        service_fn(move |request: Request<Body>| {
            let mut task = JoinSet::new();
            task.spawn(inner.clone().oneshot(request));
            async move { task.join_next().await.unwrap().unwrap() }
        })
    });
    contract::check_layer(in_a_task, request).await.unwrap();
}

#[tokio::test]
async fn a_layer_passes_over_hypers_client_too() {
    let server = Server::with(|_| Reply::ok().body("an answer")).await.unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let to_server = || {
        let mut request = request();
        *request.uri_mut() = server.uri("/");
        request
    };
    contract::check_layer_over(Identity::new(), client.clone(), to_server).await.unwrap();
    contract::check_service(client.clone(), to_server).await.unwrap();
    server.idle().await;
    assert!(server.requests().len() > 100);

    let unready = layer_fn(|inner: contract::Strict<_>| {
        service_fn(move |request| tower_service::Service::call(&mut inner.clone(), request))
    });
    let violation = contract::check_layer_over(unready, client, to_server).await.unwrap_err();
    assert_eq!(violation.scenario, Scenario::ReadyThenCall);
}

#[tokio::test(start_paused = true)]
async fn a_finished_service_is_probed_as_it_is() {
    let memory = contract::Memory::new();
    let limited = ConcurrencyLimitLayer::new(1).layer(memory.clone());
    let violation = contract::check_service(limited, request).await.unwrap_err();
    assert_eq!(violation.scenario, Scenario::AbandonedHandles);
    contract::check_service(memory.clone(), request).await.unwrap();
    assert_eq!((memory.live_futures(), memory.live_bodies()), (0, 0));
    assert!(memory.calls() > 50);
}
