//! tower-resilience: its retry and its bulkhead, and the same with tower-http's request id and trace.

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use tower::ServiceBuilder;
use tower_resilience::{
    bulkhead::{BulkheadLayer, BulkheadServiceError},
    retry::RetryLayer,
};

use super::{
    Made, drive,
    tower::{early_drops, propagate, request_id, trace},
};
use crate::{case::Case, place::Client};

type Retry<R, E> = RetryLayer<Request<Full<Bytes>>, Response<R>, BulkheadServiceError<E>>;

pub(super) fn subject<C: Client<Full<Bytes>>>(name: &str, case: Case, client: C, uri: Uri) -> Made {
    if case == Case::Wait {
        return Ok(None);
    }
    let retry: Retry<C::Body, C::Error> = retry(case);
    let bulkhead = BulkheadLayer::builder().max_concurrent_calls(5).build()?;
    let resilient = ServiceBuilder::new().layer(retry).layer(bulkhead).service(client);
    Ok(Some(match name {
        "tower_resilience_bare" => drive::asking::<Full<Bytes>, _>(resilient, uri).boxed(),
        _ => {
            let traced = ServiceBuilder::new().layer(request_id()).layer(trace(case)).layer(early_drops());
            let traced = traced.layer(propagate()).service(resilient);
            drive::asking::<Full<Bytes>, _>(traced, uri).boxed()
        }
    }))
}

/// Retries the same responses as our layer, as often.
fn retry<R: 'static, E: 'static>(case: Case) -> Retry<R, E> {
    let unavailable = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
    RetryLayer::builder()
        .max_attempts_fn(|request: &Request<_>| if request.method().is_idempotent() { 4 } else { 1 })
        .fixed_backoff(case.wait())
        .retry_on_response(move |response: &Response<_>| unavailable.contains(&response.status()))
        .build()
}
