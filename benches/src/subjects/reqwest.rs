//! reqwest-middleware with reqwest-retry, reqwest-tracing and tower's limit; and reqwest without them.

use async_trait::async_trait;
use http::{Extensions, Response};
use reqwest::{Body, Client, Request, ResponseBuilderExt, Url};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Middleware, Next};
use reqwest_retry::{Jitter, RetryTransientMiddleware, policies::ExponentialBackoff};
use reqwest_tracing::{SpanBackendWithUrl, TracingMiddleware};
use tower::{ServiceBuilder, limit::ConcurrencyLimitLayer};

use super::{Made, Subject, drive};
use crate::{
    Error,
    case::Case,
    fixture::{self, Answers},
    place::Place,
};

pub(super) fn subject(name: &str, case: Case, place: &Place) -> Made {
    let bare = name == "reqwest";
    if case == Case::Wait {
        return Ok(None);
    }
    let client = ClientBuilder::new(Client::builder().no_proxy().tcp_nodelay(true).build()?);
    let client = if bare { client } else { client.with(tracing()).with(retry(case)) };
    let client = match place {
        Place::Memory(memory) => client.with(InMemory(memory.answers().clone())).build(),
        Place::Loopback(_) => client.build(),
    };
    let url = place.uri().to_string().parse()?;
    Ok(Some(asking(client, url, bare.then(|| case.attempts()))))
}

fn asking(client: ClientWithMiddleware, url: Url, by_caller: Option<u64>) -> Box<dyn Subject> {
    let make = move || request(&url);
    let bare = ServiceBuilder::new().map_response(Response::<Body>::from);
    match by_caller {
        Some(sends) => drive::typed(bare.service(client), make).sending(sends).boxed(),
        None => drive::typed(bare.layer(ConcurrencyLimitLayer::new(5)).service(client), make).boxed(),
    }
}

fn request(url: &Url) -> Result<Request, Error> {
    let mut request = Request::new(http::Method::PUT, url.clone());
    fixture::fill(request.headers_mut())?;
    *request.body_mut() = Some(Body::from(fixture::body()));
    Ok(request)
}

fn tracing() -> TracingMiddleware<SpanBackendWithUrl> {
    TracingMiddleware::new()
}

/// Retries every server error of any method.
fn retry(case: Case) -> RetryTransientMiddleware<ExponentialBackoff> {
    let policy = ExponentialBackoff::builder().retry_bounds(case.wait(), case.wait()).jitter(Jitter::None);
    RetryTransientMiddleware::new_with_policy(policy.build_with_max_retries(3))
}

/// Answers at the end of the chain, instead of the network.
struct InMemory(Answers);

#[async_trait]
impl Middleware for InMemory {
    async fn handle(
        &self,
        request: Request,
        _: &mut Extensions,
        _: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let bytes = request.body().and_then(Body::as_bytes).map_or(0, <[u8]>::len);
        let (head, body) = self.0.answer(bytes as u64).into_parts();
        let response =
            Response::builder().status(head.status).url(request.url().clone()).body(Body::from(body));
        let mut response = response.map_err(|error| reqwest_middleware::Error::Middleware(error.into()))?;
        *response.headers_mut() = head.headers;
        Ok(response.into())
    }
}
