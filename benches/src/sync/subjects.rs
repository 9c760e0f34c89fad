//! The subjects that write the entities. Each reads the responses to their ends and counts the successes.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body_util::BodyExt;
use martello::{Body, UpsertAll};
use tower::{Service, ServiceExt, limit::ConcurrencyLimit};

use crate::Error;

/// The subjects, in the order of the tables.
pub const SUBJECTS: &[&str] = &["martello_upsert", "buffer_unordered", "tower_call_all"];

const IN_FLIGHT: usize = 5;

fn request(base: &str, row: u64) -> Result<Request<Vec<u8>>, http::Error> {
    Request::put(format!("{base}{row}")).body(vec![b'x'; 1024])
}

async fn is_written<R>(response: Response<R>) -> Result<bool, Error>
where
    R: http_body::Body,
    R::Error: Into<Error>,
{
    let success = response.status().is_success();
    response.into_body().collect().await.map_err(Into::into)?;
    Ok(success)
}

/// Writes this many entities. Returns how many were written.
pub(super) async fn drive<S, R>(subject: &str, service: S, base: String, rows: u64) -> Result<u64, Error>
where
    S: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<Error>,
    S::Future: Send,
    R: http_body::Body<Data = Bytes> + Send + 'static,
    R::Error: Into<Error> + Send,
{
    let requests = stream::iter(0..rows);
    let written = |result: Result<bool, Error>, sum: u64| result.map(|written| sum + u64::from(written));
    match subject {
        "martello_upsert" => {
            let report = UpsertAll::new(service, move |row: &u64| request(&base, *row)).run(requests).await?;
            Ok(report.counts().written())
        }
        "buffer_unordered" => {
            let send = |row| {
                let (service, request) = (service.clone(), request(&base, row));
                async move {
                    let request = request?.map(Body::from);
                    is_written(service.oneshot(request).await.map_err(Into::into)?).await
                }
            };
            let mut results = requests.map(send).buffer_unordered(IN_FLIGHT);
            let mut sum = 0;
            while let Some(result) = results.next().await {
                sum = written(result, sum)?;
            }
            Ok(sum)
        }
        "tower_call_all" => {
            let whole = service.map_err(Into::<Error>::into).and_then(is_written::<R>);
            let limited = ConcurrencyLimit::new(whole, IN_FLIGHT);
            let requests = requests.filter_map(|row| {
                let request = request(&base, row).map(|request| request.map(Body::from)).ok();
                async { request }
            });
            let mut results = std::pin::pin!(limited.call_all(Box::pin(requests)).unordered());
            let mut sum = 0;
            while let Some(result) = results.next().await {
                sum = written(result, sum)?;
            }
            Ok(sum)
        }
        _ => Err("there is no such subject".into()),
    }
}
