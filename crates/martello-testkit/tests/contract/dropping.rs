//! Layers that leak when a call or a body is dropped.

use std::{future::poll_fn, mem::forget, pin::Pin, sync::Arc, task::Poll};

use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tower::{ServiceExt, service_fn};
use tower_layer::layer_fn;

use crate::{Fault, Inner, Scenario, violation};

#[tokio::test(start_paused = true)]
async fn a_layer_that_loses_a_permit_with_a_dropped_call_is_named() {
    let permits = Arc::new(Semaphore::new(1));
    let (scenario, fault) = violation!(layer_fn(move |inner: Inner| {
        let permits = Arc::clone(&permits);
        service_fn(move |request| {
            let (inner, permits) = (inner.clone(), Arc::clone(&permits));
            async move {
                permits.acquire().await.unwrap().forget();
                let response = inner.oneshot(request).await;
                permits.add_permits(1);
                response
            }
        })
    }));
    assert_eq!(scenario, Scenario::DroppedCalls);
    assert_eq!(fault, Fault::HungAfterDrop { polls: 1 });
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_loses_a_permit_with_an_unread_body_is_named() {
    let permits = Arc::new(Semaphore::new(5));
    let found = violation!(layer_fn(move |inner: Inner| {
        let permits = Arc::clone(&permits);
        service_fn(move |request| {
            let (inner, permits) = (inner.clone(), Arc::clone(&permits));
            async move {
                permits.acquire().await.unwrap().forget();
                let response = inner.oneshot(request).await?;
                Ok::<_, martello_testkit::contract::MemoryError>(response.map(|body| {
                    body.map_frame(move |frame| {
                        permits.add_permits(usize::from(frame.is_trailers()));
                        frame
                    })
                }))
            }
        })
    }));
    assert_eq!(found, (Scenario::UnreadBodies, Fault::Hung));
}

/// A future that stays alive after it is dropped, as if a detached task owned it.
struct Detached<F>(Option<Pin<Box<F>>>);

impl<F> Drop for Detached<F> {
    fn drop(&mut self) {
        forget(self.0.take());
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_that_keeps_a_dropped_future_alive_is_named() {
    let found = violation!(layer_fn(|inner: Inner| {
        service_fn(move |request| {
            let mut call = Detached(Some(Box::pin(inner.clone().oneshot(request))));
            poll_fn(move |cx| {
                let Some(future) = &mut call.0 else { return Poll::Pending };
                let polled = future.as_mut().poll(cx);
                if polled.is_ready() {
                    call.0 = None;
                }
                polled
            })
        })
    }));
    assert_eq!(found, (Scenario::DroppedCalls, Fault::Stranded { futures: 8, bodies: 0 }));
}
