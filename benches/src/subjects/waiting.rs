use std::{future::poll_fn, pin::pin, task::Poll};

use bytes::Bytes;
use http::{Request, Response, Uri};
use tower::{Service, ServiceExt};

use super::{Drive, Driven, Subject, Tally};
use crate::{Error, fixture};

/// A limit of one permit, which the previous call holds at each call.
#[derive(Clone)]
pub(super) struct Waiting<S, B> {
    pub(super) service: S,
    pub(super) uri: Uri,
    pub(super) body: std::marker::PhantomData<fn() -> B>,
}

impl<S, B, R> Subject for Waiting<S, B>
where
    S: Service<Request<B>, Response = Response<R>, Error: Into<Error> + Send, Future: Send>,
    S: Clone + Send + 'static,
    B: From<Bytes> + Send + 'static,
    R: http_body::Body<Data: Send, Error: Into<Error> + Send> + Send,
{
    /// The only way to wait is in a future.
    fn drive(&mut self, calls: u64, _: Drive) -> Driven<'_> {
        Box::pin(async move {
            let mut tally = Tally::default();
            let mut held: Option<Response<R>> = None;
            for _ in 0..calls {
                let mut next = pin!(self.service.clone().oneshot(fixture::request(&self.uri)?));
                if let Some(held) = held.take() {
                    if poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx).is_ready())).await {
                        return Err("there was a permit although one response was not read".into());
                    }
                    tally.read(held).await?;
                }
                held = Some(next.await.map_err(Into::into)?);
            }
            match held {
                Some(held) => tally.read(held).await.map(|()| tally),
                None => Ok(tally),
            }
        })
    }

    fn fork(&self) -> Box<dyn Subject> {
        Box::new(Self { service: self.service.clone(), uri: self.uri.clone(), body: self.body })
    }
}
