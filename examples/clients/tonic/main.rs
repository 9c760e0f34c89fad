//! A stack over a tonic channel. A gRPC server can be unavailable in two ways: a proxy answers 503, or the
//! server answers 200 with the gRPC status UNAVAILABLE.
//!
//! Every gRPC call is a POST, which the stack retries only if you allow it: with `assume_idempotent` for the
//! whole stack, or with `CallOptions` in the extensions of one request.
//!
//! ```text
//! cargo run --example tonic
//! ```

mod orders;
mod planner;

use http::{Request, Response, StatusCode};
use martello::{Attempts, Body, Stack, retry::RetryBuilder};
use support::{BoxError, Log, PLAN_TIMEOUT, Run};
use tokio::time::timeout;
use tonic::{Code, Status, transport::Channel};
use tower::ServiceBuilder;

use crate::{
    orders::{Order, OrdersClient, PLAN, WRITE},
    planner::Planner,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (log, planner) = (Log::start(), Planner::start().await?);

    let channel = Channel::builder(planner.uri("/")?).connect_lazy();
    let stack = Stack::new().retry(RetryBuilder::assume_idempotent).build()?;
    let service = ServiceBuilder::new()
        .map_request(|request: Request<tonic::body::Body>| request.map(Body::new))
        .layer(stack)
        .map_response(as_http)
        .map_request(|request: Request<Body>| request.map(tonic::body::Body::new))
        .service(channel);
    let mut api = OrdersClient::with_origin(service, planner.uri("/")?);

    let mut run = Run::new(&log);
    let order = Order { business_id: "DO-1".to_owned(), stops: 3 };
    let response = api.write(order.clone()).await?;
    let attempts = response.extensions().get::<Attempts>().cloned().unwrap_or_default();
    run.check("the order, as it was sent", response.into_inner() == order);
    run.attempts(&planner.uri(WRITE)?, &attempts, &Planner::TRACKING_IDS.map(str::to_owned))?;

    let cancelled = timeout(PLAN_TIMEOUT, api.plan(order)).await.is_err();
    run.cancelled(&planner.uri(PLAN)?, cancelled)?;
    run.finish()
}

/// Maps the gRPC status UNAVAILABLE in the head of a 200 to a 503, which the stack retries. tonic reads the
/// gRPC status whatever the HTTP status is.
fn as_http<B>(mut response: Response<B>) -> Response<B> {
    let status = Status::from_header_map(response.headers());
    if status.is_some_and(|status| status.code() == Code::Unavailable) {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
