//! Tests whether a layer keeps the [`Service`] contract.
//!
//! Layers break the contract in known ways: they call a clone after they polled the original for readiness, a
//! clone that is not called keeps a permit, a waker is never woken, a dropped future loses a permit. A test
//! that makes one call after the other finds none of these. The probe runs a layer through the [`Scenario`]s
//! that do, poll by poll, and reports the first broken promise.
//!
//! ```
//! use http::Request;
//! use http_body_util::Empty;
//! use bytes::Bytes;
//! use martello_testkit::contract;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), contract::Violation> {
//! let layer = tower::limit::ConcurrencyLimitLayer::new(1);
//! let violation = contract::check_layer(layer, || Request::new(Empty::<Bytes>::new())).await.unwrap_err();
//! assert_eq!(violation.scenario, contract::Scenario::AbandonedHandles);
//!
//! contract::check_layer(tower::layer::util::Identity::new(), || Request::new(Empty::<Bytes>::new())).await
//! # }
//! ```
//!
//! Test a layer with a limit at a limit of one, where a single lost permit blocks the next call.
//!
//! The probe needs a tokio runtime with time. A call that is not woken for 30 seconds counts as hung. With a
//! paused clock (`#[tokio::test(start_paused = true)]`) this takes no time, and the layer's own timers work
//! as usual.

mod exchange;
mod expected_body;
mod fixture;
mod memory;
mod polling;
mod strict;
mod violation;

use std::{any::Any, error::Error, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use self::fixture::Fixture;
pub use self::{
    memory::{Memory, MemoryBody, MemoryError, MemoryFuture},
    strict::{Misuse, Strict, StrictFuture},
    violation::{Fault, Scenario, Violation},
};

/// The scenarios that work with any service.
const ANYWHERE: [Scenario; 8] = [
    Scenario::ReadyThenCall,
    Scenario::AbandonedHandles,
    Scenario::CallOnClone,
    Scenario::ManyCalls,
    // After `ManyCalls`: a call that hangs only here hangs because of the wakers.
    Scenario::ChangingWakers,
    Scenario::UnreadBodies,
    Scenario::DroppedCalls,
    Scenario::DroppedCrowd,
];

/// Runs every scenario on a layer, over a service in memory.
///
/// Each scenario layers a new service. All of them share the state of the layer.
///
/// The body must have the bytes of the inner service, in any frames, and its trailers. Test a layer that
/// changes bodies with [`check_layer_over`], for example over a [`Memory`]: it does not compare bodies.
///
/// # Errors
///
/// The first broken promise.
pub async fn check_layer<L, M, B, R>(layer: L, make_request: M) -> Result<(), Violation>
where
    L: Layer<Strict<Memory>>,
    L::Service:
        Service<Request<B>, Response = Response<R>, Error: Into<Box<dyn Error + Send + Sync>>> + Clone,
    M: Fn() -> Request<B>,
    R: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let only_here = [
        (Scenario::PendingReadiness, Memory::new().ready_after(3)),
        (Scenario::RefusedReadiness, Memory::new().refusing()),
    ];
    let anywhere = |ready, head, frame| {
        let memory = move || Memory::new().ready_after(ready).head_after(head).frame_after(frame);
        ANYWHERE.map(|scenario| (scenario, memory()))
    };
    let prompt = anywhere(0, 0, 0).into_iter();
    // With calls that are in flight at once, so that some may have to queue; then pending wherever that is
    // possible.
    let pending = anywhere(0, 2, 1).into_iter().chain(anywhere(1, 2, 1));
    for (scenario, memory) in prompt.chain(only_here).chain(pending) {
        let strict = Strict::new(memory.clone());
        let service = layer.layer(strict.clone());
        let fixture = Fixture { service, memory: Some(&memory), make_request: &make_request };
        run_scenario(scenario, &fixture, || strict.misuses()).await?;
    }
    Ok(())
}

/// Runs the scenarios that work with any inner service on a layer over this service, for example a client
/// with sockets.
///
/// The inner service must answer every request, as a [`Server`](crate::Server) does by default. The content
/// of bodies is not compared.
///
/// # Errors
///
/// The first broken promise.
pub async fn check_layer_over<L, S, M, B, R>(layer: L, service: S, make_request: M) -> Result<(), Violation>
where
    L: Layer<Strict<S>>,
    L::Service:
        Service<Request<B>, Response = Response<R>, Error: Into<Box<dyn Error + Send + Sync>>> + Clone,
    S: Clone,
    M: Fn() -> Request<B>,
    R: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let strict = Strict::new(service);
    let fixture = Fixture { service: layer.layer(strict.clone()), memory: None, make_request: &make_request };
    for scenario in ANYWHERE {
        run_scenario(scenario, &fixture, || strict.misuses()).await?;
    }
    Ok(())
}

/// Runs the scenarios that work with any service on a finished service.
///
/// It does not see how the service treats its inner services; [`check_layer`] and [`check_layer_over`] do.
///
/// ```
/// use http::Request;
/// use martello_testkit::contract::{Memory, Violation, check_service};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Violation> {
/// check_service(Memory::new(), || Request::new(String::new())).await
/// # }
/// ```
///
/// # Errors
///
/// The first broken promise.
pub async fn check_service<T, M, B, R>(service: T, make_request: M) -> Result<(), Violation>
where
    T: Service<Request<B>, Response = Response<R>, Error: Into<Box<dyn Error + Send + Sync>>> + Clone,
    M: Fn() -> Request<B>,
    R: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let fixture = Fixture { service, memory: None, make_request: &make_request };
    for scenario in ANYWHERE {
        run_scenario(scenario, &fixture, Vec::new).await?;
    }
    Ok(())
}

/// Runs a scenario. Reports a misuse of the inner service first, because it explains any other failure.
async fn run_scenario<T, M, B, R>(
    scenario: Scenario,
    fixture: &Fixture<'_, T, M>,
    misuses: impl Fn() -> Vec<Misuse>,
) -> Result<(), Violation>
where
    T: Service<Request<B>, Response = Response<R>, Error: Into<Box<dyn Error + Send + Sync>>> + Clone,
    M: Fn() -> Request<B>,
    R: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let result = AssertUnwindSafe(fixture.run(scenario)).catch_unwind().await;
    let fault = match (misuses().first(), result) {
        (Some(misuse), _) => Fault::Misused(*misuse),
        (None, Err(panic)) => Fault::Panicked(message(panic.as_ref())),
        (None, Ok(Err(fault))) => fault,
        (None, Ok(Ok(()))) => return Ok(()),
    };
    Err(Violation { scenario, fault })
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
