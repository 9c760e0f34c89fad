use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderValue, Request, Response, StatusCode, header};
use martello::{Body, CallError, ErrorKind, TryCopy};
use tower_service::Service;

use super::{Credentials, misconfiguration::misconfiguration};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How many times a token is renewed for one request. A fresh token that is rejected is not just expired.
const RENEWALS: u32 = 2;

/// A client that adds credentials to each attempt. The layers around it, a journal and an outbox never see
/// them.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated<C> {
    client: C,
    credentials: Credentials,
}

impl<C> Authenticated<C> {
    pub(super) fn new(client: C, credentials: Credentials) -> Self {
        Self { client, credentials }
    }
}

impl<C, R> Service<Request<Body>> for Authenticated<C>
where
    C: Service<Request<Body>, Response = Response<R>> + Clone + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    R: Send + 'static,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, BoxError>> + Send>>;

    /// Always ready: the call readies the client once it has a token.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (client, credentials) = (self.client.clone(), self.credentials.clone());
        Box::pin(call(client, credentials, request))
    }
}

async fn call<C, R>(
    mut client: C,
    credentials: Credentials,
    mut request: Request<Body>,
) -> Result<Response<R>, BoxError>
where
    C: Service<Request<Body>, Response = Response<R>>,
    C::Error: Into<BoxError>,
{
    for (name, value) in credentials.headers() {
        request.headers_mut().insert(name, value.clone());
    }
    let Some(mut token) = credentials.header().await? else {
        let response = send(&mut client, &credentials, request).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            credentials.give_up(
                "the server requires credentials (401): use --token-env, --token-file or --token-command",
            );
        }
        return Ok(response);
    };
    let (head, body) = request.into_parts();
    let mut renewals = 0;
    loop {
        let copy = body.try_copy(usize::MAX);
        let copy =
            copy.ok_or_else(|| CallError::unsent(ErrorKind::Unsendable, "its body cannot be replayed"))?;
        let mut attempt = Request::from_parts(head.clone(), copy);
        attempt.headers_mut().insert(header::AUTHORIZATION, token.clone());
        let response = send(&mut client, &credentials, attempt).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match renewed(&credentials, &token, renewals).await? {
            Some(new) => token = new,
            None => {
                credentials.give_up(
                    "the server rejects the token (401): check the token, then run the command again",
                );
                return Ok(response);
            }
        }
        renewals += 1;
    }
}

async fn renewed(
    credentials: &Credentials,
    refused: &HeaderValue,
    renewals: u32,
) -> Result<Option<HeaderValue>, BoxError> {
    if renewals == RENEWALS {
        return Ok(None);
    }
    Ok(credentials.after_refusal(refused).await?)
}

/// Sends one attempt. Until the server has answered once, a TLS or protocol error ends the run, because
/// retries cannot succeed. Later, such an error counts as temporary.
async fn send<C, R>(
    client: &mut C,
    credentials: &Credentials,
    request: Request<Body>,
) -> Result<Response<R>, BoxError>
where
    C: Service<Request<Body>, Response = Response<R>>,
    C::Error: Into<BoxError>,
{
    poll_fn(|cx| client.poll_ready(cx)).await.map_err(CallError::from_readiness)?;
    let answer = client.call(request).await.map_err(Into::into);
    match &answer {
        Ok(_) => credentials.answered(),
        Err(error) if !credentials.is_answered() => {
            misconfiguration(&**error).map(|why| credentials.give_up(why));
        }
        Err(_) => {}
    }
    answer
}
