//! One call, as a user makes it.

use std::{error::Error, future::poll_fn, pin::pin};

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{expected_body::ExpectedBody, violation::Fault};

type BoxError = Box<dyn Error + Send + Sync>;

pub(super) async fn ready<S, Request>(service: &mut S) -> Result<(), Fault>
where
    S: Service<Request, Error: Into<BoxError>>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(failed)
}

/// Calls a service that is ready.
pub(super) async fn call<S, B, R>(service: &mut S, request: Request<B>) -> Result<R, Fault>
where
    S: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>>,
{
    service.call(request).await.map(Response::into_body).map_err(failed)
}

/// Reads a body to its end. Checks its size hint and `is_end_stream`, and its content if that is known.
pub(super) async fn read<R>(body: R, mut original: Option<ExpectedBody>) -> Result<(), Fault>
where
    R: Body<Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let hint = body.size_hint();
    let mut bytes = 0_u64;
    loop {
        let at_end = body.is_end_stream();
        let frame = match poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            None => break,
            Some(_) if at_end => return Err(Fault::FrameAfterEnd),
            Some(frame) => frame.map_err(failed)?,
        };
        let length = frame.data_ref().map_or(0, Buf::remaining);
        bytes = bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if let Some(original) = &mut original {
            original.take(frame)?;
        }
    }
    if bytes < hint.lower() || hint.upper().is_some_and(|upper| bytes > upper) {
        return Err(Fault::WrongSizeHint { bytes });
    }
    original.map_or(Ok(()), |original| original.end())
}

/// Waits for readiness, calls, and reads the response.
pub(super) async fn whole<S, B, R>(
    mut service: S,
    request: Request<B>,
    original: Option<ExpectedBody>,
) -> Result<(), Fault>
where
    S: Service<Request<B>, Response = Response<R>, Error: Into<BoxError>>,
    R: Body<Error: Into<BoxError>>,
{
    ready(&mut service).await?;
    read(call(&mut service, request).await?, original).await
}

fn failed(error: impl Into<BoxError>) -> Fault {
    let error = error.into();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    Fault::Failed(text)
}
