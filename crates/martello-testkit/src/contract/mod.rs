//! A probe of the [`Service`] contract, which any layer can be put through.
//!
//! What `tower_service::Service` asks for stands in its documentation; what goes wrong stands in issue trackers: a clone called on
//! the original's readiness, a permit held by a handle that nobody calls, a waker that is never woken, a permit
//! lost with a dropped future. None of these shows in a test that makes one call after the other. The probe drives a layer
//! through the [`Scenario`]s in which they do, poll by poll, and names the first promise that is broken.
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
//! A layer that bounds something shows its faults best with a bound of one: what is stranded eight times is missed by no one then.
//!
//! The probe needs a tokio runtime with time. A call that nobody wakes is taken to hang after 30 seconds; with a paused clock
//! (`#[tokio::test(start_paused = true)]`) this is at once, and the layer's own timers elapse as they should.

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

/// The scenarios that need nothing but a service.
const ANYWHERE: [Scenario; 8] = [
    Scenario::ReadyThenCall,
    Scenario::AbandonedHandles,
    Scenario::CallOnClone,
    Scenario::ManyCalls,
    // Behind the crowd that keeps its wakers: a call that hangs only here hangs because of them.
    Scenario::ChangingWakers,
    Scenario::UnreadBodies,
    Scenario::DroppedCalls,
    Scenario::DroppedCrowd,
];

/// Puts a layer through every scenario, over a service in memory.
///
/// Each scenario layers a new service; the layer's own state is shared by all of them.
///
/// What is read has to be what the service gave: its bytes in any frames, and its trailers among any others. A layer that means to change bodies
/// is for [`check_layer_over`] instead, where this is not looked at: over a [`Memory`], for example.
///
/// # Errors
/// The first promise that is broken.
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
    // With calls that are in flight at once, so that some may have to queue; then pending wherever that is possible.
    let pending = anywhere(0, 2, 1).into_iter().chain(anywhere(1, 2, 1));
    for (scenario, memory) in prompt.chain(only_here).chain(pending) {
        let strict = Strict::new(memory.clone());
        let service = layer.layer(strict.clone());
        let fixture = Fixture { service, memory: Some(&memory), make_request: &make_request };
        run_scenario(scenario, &fixture, || strict.misuses()).await?;
    }
    Ok(())
}

/// Puts a layer through the scenarios that any inner service allows, over this service: a client and its sockets, for example.
///
/// The service inside has to answer every request. See [`Server`](crate::Server), which does unless told otherwise. What
/// its bodies bring is not compared with anything.
///
/// # Errors
/// The first promise that is broken.
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

/// Puts a finished service through the scenarios that any service allows.
///
/// What it does to the services inside it is not seen; [`check_layer`] and [`check_layer_over`] see it.
///
/// # Errors
/// The first promise that is broken.
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

/// Plays a scenario. A misuse of the inner service explains whatever else went wrong, so it comes first.
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
