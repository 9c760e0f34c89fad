use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

use super::Client;
use crate::fixture::Answers;

/// A minimal server in memory: it reads the request's body and answers at once.
#[derive(Clone, Debug)]
pub struct InMemory(Answers);

impl InMemory {
    pub(super) fn new(answers: Answers) -> Self {
        Self(answers)
    }

    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.0
    }
}

impl<B: Body + Send + Unpin + 'static> Client<B> for InMemory {
    type Body = Full<Bytes>;
}

impl<B: Body + Unpin> Service<Request<B>> for InMemory {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Answering<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering<B> {
        Answering { answers: self.0.clone(), body: request.into_body(), bytes: 0 }
    }
}

/// Reads the request, then answers. Counts what was read of a body that ends early.
#[derive(Debug)]
pub struct Answering<B> {
    answers: Answers,
    body: B,
    bytes: u64,
}

impl<B: Body + Unpin> Future for Answering<B> {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        while let Some(Ok(frame)) = ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            self.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        }
        Poll::Ready(Ok(self.answers.answer(self.bytes).map(Full::new)))
    }
}
